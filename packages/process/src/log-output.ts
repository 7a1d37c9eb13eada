// Where a log's lines go. Node's own stream, because pino's writes through a thread that a full pipe blocks, and at
// exit tries again for ever when the reader is gone.
import type { Writable } from "node:stream";

/** Lines that wait for their reader, in bytes; further ones are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;

export class LogOutput {
  /** Told how many lines were dropped, once there is room for another. */
  onRoom: (dropped: number) => void = () => undefined;
  readonly #stream: Writable;
  #hasReader = true;
  #dropped = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
    // EPIPE and the like: the process does its work without a log.
    stream.on("error", () => (this.#hasReader = false));
    stream.on("drain", () => this.#tellDropped());
  }

  write(line: string): void {
    if (!this.#hasReader) return;
    if (this.#stream.writableLength < MAX_WAITING_BYTES) this.#stream.write(line);
    else this.#dropped += 1;
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const count = this.#dropped;
    this.#dropped = 0;
    this.onRoom(count);
  }
}
