// One direction of a connection through a front: passes bytes on in order, later if they are delayed or frozen.
import type { Socket } from "node:net";

/** Reading pauses while more bytes than this wait. */
const QUEUE_BYTES = 1024 * 1024;

/** How long bytes wait. */
export interface Passage {
  readonly isFrozen: boolean;
  readonly delayMs: number;
}

/** Bytes, or the end of the connection, on the way. */
interface Step {
  /** When it was read, by the monotonic clock, in ms. */
  readonly readAt: number;
  readonly bytes: number;
  /** @returns whether the receiver can take more */
  readonly run: () => boolean;
}

export class OneWay {
  readonly #from: Socket;
  readonly #passage: () => Passage;
  readonly #queue: Step[] = [];
  #queuedBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the receiver must read before it can take more. */
  #isBlocked = false;
  #isClosed = false;

  constructor(from: Socket, to: Socket, passage: () => Passage) {
    this.#from = from;
    this.#passage = passage;
    from.on("data", (chunk: Buffer) => this.#add(chunk.length, () => to.write(chunk)));
    from.on("end", () => this.#add(0, () => to.end().writable));
    from.on("close", () => this.#add(0, () => to.destroy().writable));
    for (const event of ["drain", "close"]) to.on(event, () => this.#continue());
    from.resume();
  }

  /** Passes on what is due now. */
  flush(): void {
    clearTimeout(this.#timer);
    for (let step = this.#queue[0]; step !== undefined; step = this.#queue[0]) {
      const { isFrozen, delayMs } = this.#passage();
      if (isFrozen || this.#isBlocked) return;
      const waitMs = step.readAt + delayMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.flush(), waitMs);
        return;
      }
      this.#queue.shift();
      this.#queuedBytes -= step.bytes;
      this.#isBlocked = !step.run() && step.bytes > 0;
    }
    this.#from.resume();
  }

  /** Drops what waits. */
  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
    clearTimeout(this.#timer);
  }

  #add(bytes: number, run: () => boolean): void {
    if (this.#isClosed) return;
    this.#queue.push({ readAt: performance.now(), bytes, run });
    this.#queuedBytes += bytes;
    if (this.#queuedBytes > QUEUE_BYTES) this.#from.pause();
    this.flush();
  }

  #continue(): void {
    this.#isBlocked = false;
    this.flush();
  }
}
