// Publishes the lines of one request in order, and collects their answers. It publishes only as far
// ahead as the client takes answers. If the client disconnects, the rest is published all the same.
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";

/** How many published lines may have an answer that the client has not taken. */
const AHEAD_LINES = 2048;
const CHUNK_LINES = 256;
/** How many bytes of lines are published in one turn. */
const TURN_BYTES = 256 * 1024;

/** Publishes a line, and never rejects. */
export type PublishLine = (line: Uint8Array, seq: number) => Promise<object>;

export class LineBatch {
  readonly #lines: readonly Uint8Array[];
  readonly #publish: PublishLine;
  readonly #pending: Promise<object>[] = [];
  #next = 0;
  #turnBytes = 0;

  constructor(lines: readonly Uint8Array[], publish: PublishLine) {
    this.#lines = lines;
    this.#publish = publish;
  }

  /** Whether all lines are published, and their answers taken. */
  get isOver(): boolean {
    return this.#next === this.#lines.length && this.#pending.length === 0;
  }

  /** Returns the answers to the next lines, or null after the last. */
  async take(): Promise<string | null> {
    await this.#publishAhead();
    const answers = await Promise.all(this.#pending.splice(0, CHUNK_LINES));
    if (answers.length === 0) return null;
    return answers.map((answer) => `${JSON.stringify(answer)}\n`).join("");
  }

  /** Publishes the rest, and drops the answers. */
  async finish(): Promise<void> {
    while (!this.isOver) {
      await this.#publishAhead();
      await Promise.all(this.#pending.splice(0));
    }
  }

  /** A stream of the answers, which begins with `taken`, the answers taken before. */
  stream(taken: string): Readable {
    const stream = new Readable({
      read: () => void this.take().then((text) => stream.push(text)),
      destroy: (error, callback) => void this.finish().then(() => callback(error)),
    });
    stream.push(taken);
    return stream;
  }

  async #publishAhead(): Promise<void> {
    while (this.#pending.length < AHEAD_LINES) {
      const line = this.#lines[this.#next];
      if (line === undefined) return;
      this.#pending.push(this.#publish(line, this.#next));
      this.#next += 1;
      this.#turnBytes += line.length;
      if (this.#turnBytes < TURN_BYTES) continue;
      // Give other work its turn.
      this.#turnBytes = 0;
      await setImmediate();
    }
  }
}
