// Writes log lines to Node's own stream. pino's own destination writes in a thread that a full pipe blocks, and
// retries forever at exit when the pipe has no reader.
import type { Writable } from "node:stream";

/** Maximum size of lines that wait for the reader, in bytes. Further lines are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

export class LogOutput {
  /** Called with the number of dropped lines when there is room again. */
  onRoom: (dropped: number) => void = () => undefined;
  readonly #stream: Writable;
  #hasReader = true;
  #dropped = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
    // For example EPIPE. The process continues without a log.
    stream.on("error", () => (this.#hasReader = false));
    stream.on("drain", () => this.#reportDropped());
  }

  write(line: string): void {
    if (!this.#hasReader) return;
    if (this.#stream.writableLength < MAX_WAITING_BYTES) this.#stream.write(line);
    else this.#dropped += 1;
  }

  #reportDropped(): void {
    if (this.#dropped === 0) return;
    const count = this.#dropped;
    this.#dropped = 0;
    this.onRoom(count);
  }
}
