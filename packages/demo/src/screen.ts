// Where the demo reads lines and shows things: a terminal with a prompt, or a pipe.
import {
  createInterface,
  cursorTo,
  clearScreenDown,
  moveCursor,
  type Interface,
} from "node:readline";

export interface Screen {
  /** A person types, and reads what comes. In a pipe, stdout has messages and nothing else. */
  readonly isTerminal: boolean;
  /** Lines typed or piped in, until there are no more or the screen is closed. */
  lines(): AsyncIterable<string>;
  /** Shows a message. */
  message(line: string): void;
  /** Shows what is not a message. */
  status(line: string): void;
  /** Takes no more lines. */
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

  /** Lines that were typed ahead can still come after the end. */
  #prompt(): void {
    this.#input?.prompt();
  }

  /** Puts a line above the prompt, and the prompt with what was typed so far below it again. */
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
    // readline would go up by the rows of what it drew last, over the line just written.
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
    // A writer that goes on must not keep this process.
    process.stdin.destroy();
  }
}
