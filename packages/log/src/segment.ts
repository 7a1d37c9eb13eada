// A piece of a topic's log in memory: many small batches as one buffer. What is kept for long is few objects
// then, which the garbage collector has to look at again and again; the batches themselves die young.
import type { Batch } from "./batch.ts";
import { offsetBefore, partAfter, type RunPart } from "./message-run.ts";

/** How much one segment may hold; a batch that is larger is one of its own. */
export interface SegmentLimits {
  readonly bytes: number;
  readonly messages: number;
  /** From its first message to its last. */
  readonly spanMs: number;
}

export class Segment {
  readonly first: number;
  readonly firstTime: number;
  #last: number;
  #lastTime: number;
  /** The frames of the first batch as they are, until a second one comes; then a buffer with room. */
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

  /** Takes the batch that follows, where there is room for it. */
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

  /** What follows an offset, up to about a limit and at least one message. The bytes are the segment's own. */
  partAfter(after: number, limitBytes: number): RunPart & { readonly frames: Buffer } {
    const part = partAfter(
      this.#frames,
      { first: this.first, last: this.#last },
      after,
      limitBytes,
    );
    return { ...part, frames: this.#room.subarray(part.start, part.end) };
  }

  /** The last offset stored before a time; the offset before the first where none was. */
  offsetBefore(time: number): number {
    return offsetBefore(this.#frames, this.first, time);
  }

  get #frames(): Buffer {
    return this.#room.subarray(0, this.#end);
  }
}
