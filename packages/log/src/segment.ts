// A part of a topic's log in memory: many small batches in one buffer. The garbage collector then
// has few long-lived objects to scan, and the batches themselves are freed soon.
import type { Batch } from "./batch.ts";
import { offsetBefore, partAfter, type RunPart } from "./message-run.ts";

/** The maximum size of one segment. A batch that exceeds it becomes a segment by itself. */
export interface SegmentLimits {
  readonly bytes: number;
  readonly messages: number;
  /** The maximum time from the first message to the last. */
  readonly spanMs: number;
}

export class Segment {
  readonly first: number;
  readonly firstTime: number;
  #last: number;
  #lastTime: number;
  /**
   * The frames of the first batch, not copied; from the second batch on, a buffer with spare space.
   */
  #room: Buffer;
  #end: number;

  constructor({ first, last, firstTime, shared }: Batch) {
    this.first = first;
    this.firstTime = firstTime;
    this.#last = last;
    this.#lastTime = firstTime;
    this.#room = shared.frames;
    this.#end = shared.frames.length;
  }

  get last(): number {
    return this.#last;
  }

  get lastTime(): number {
    return this.#lastTime;
  }

  get bytes(): number {
    return this.#end;
  }

  /** Appends the next batch, if it fits; returns whether it did. */
  add({ last, firstTime, shared }: Batch, limits: SegmentLimits): boolean {
    const { frames } = shared;
    const end = this.#end + frames.length;
    const isFull =
      end > limits.bytes ||
      last - this.first >= limits.messages ||
      firstTime - this.firstTime > limits.spanMs;
    if (isFull) return false;
    if (end > this.#room.length) {
      const room = Buffer.allocUnsafeSlow(Math.min(limits.bytes, 2 * end));
      room.set(this.#room.subarray(0, this.#end));
      this.#room = room;
    }
    this.#room.set(frames, this.#end);
    this.#end = end;
    this.#last = last;
    this.#lastTime = firstTime;
    return true;
  }

  /**
   * The messages after an offset: about a limit of bytes, at least one message. The bytes are not
   * copied.
   */
  partAfter(after: number, limitBytes: number): RunPart & { readonly frames: Buffer } {
    const part = partAfter(
      this.#frames,
      { first: this.first, last: this.#last },
      after,
      limitBytes,
    );
    return { ...part, frames: this.#room.subarray(part.start, part.end) };
  }

  /** The last offset stored before a time; the offset before the first if there is none. */
  offsetBefore(time: number): number {
    return offsetBefore(this.#frames, this.first, time);
  }

  get #frames(): Buffer {
    return this.#room.subarray(0, this.#end);
  }
}
