// The demo's input and output: a terminal with a prompt, or a pipe.
import {
  createInterface,
  cursorTo,
  clearScreenDown,
  moveCursor,
  type Interface,
} from "node:readline";

export interface Screen {
  /** Whether a person types in a terminal. In a pipe, stdout contains only messages. */
  readonly isTerminal: boolean;
  /** Lines typed or piped in, until the input ends or the screen is closed. */
  lines(): AsyncIterable<string>;
  /** Shows a message. */
  message(line: string): void;
  /** Shows a status line, which is not a message. */
  status(line: string): void;
  /** Stops reading lines. */
  close(): void;
}

export function openScreen(): Screen {
  return process.stdin.isTTY && process.stdout.isTTY ? new Terminal() : new Pipe();
}

class Terminal implements Screen {
  readonly isTerminal = true;
  #input: Interface | undefined;
  #isClosed = false;

  async *lines(): AsyncGenerator<string, void> {
    if (this.#isClosed) return;
    const { stdin: input, stdout: output } = process;
    const lines = createInterface({ input, output, prompt: "> " });
    this.#input = lines;
    lines.once("close", () => {
      this.#input = undefined;
      output.write("\n");
    });
    lines.prompt();
    for await (const line of lines) {
      yield line;
      this.#prompt();
    }
  }

  message(line: string): void {
    this.#print(line);
  }

  status(line: string): void {
    this.#print(`· ${line}`);
  }

  close(): void {
    this.#isClosed = true;
    this.#input?.close();
  }

  /** Lines that were typed ahead can arrive after the end. */
  #prompt(): void {
    this.#input?.prompt();
  }

  /** Prints a line above the prompt, and redraws the prompt with the text typed so far. */
  #print(line: string): void {
    const { stdout } = process;
    const input = this.#input;
    if (input === undefined) {
      stdout.write(`${line}\n`);
      return;
    }
    moveCursor(stdout, 0, -input.getCursorPos().rows);
    cursorTo(stdout, 0);
    clearScreenDown(stdout);
    stdout.write(`${line}\n`);
    // Otherwise readline would move up by the rows it drew last, over the printed line.
    Object.assign(input, { prevRows: 0 });
    input.prompt(true);
  }
}

class Pipe implements Screen {
  readonly isTerminal = false;
  #input: Interface | undefined;
  #isClosed = false;

  async *lines(): AsyncGenerator<string, void> {
    if (this.#isClosed) return;
    this.#input = createInterface({ input: process.stdin });
    yield* this.#input;
  }

  message(line: string): void {
    process.stdout.write(`${line}\n`);
  }

  status(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  close(): void {
    this.#isClosed = true;
    this.#input?.close();
    // Otherwise a writer to the pipe that never ends would keep this process alive.
    process.stdin.destroy();
  }
}
