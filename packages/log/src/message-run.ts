// A run of messages: frames of one topic with consecutive offsets, one after the other. Finds
// frames in it by offset and time.
import { frameEnd, readMessageOffset, readMessageTime } from "@shardcast/protocol";

/** A part of a run: its offsets, and the range of its bytes. */
export interface RunPart {
  readonly first: number;
  readonly last: number;
  readonly start: number;
  readonly end: number;
}

/**
 * The messages after an offset in a run from `first` to `last`: about a limit of bytes, at least
 * one message.
 */
export function partAfter(
  frames: Uint8Array,
  run: { readonly first: number; readonly last: number },
  after: number,
  limitBytes: number,
): RunPart {
  let start = 0;
  let offset = run.first;
  for (; offset <= after; offset += 1) start = frameEnd(frames, start);
  const first = offset;
  let end = frameEnd(frames, start);
  for (; offset < run.last; offset += 1) {
    const next = frameEnd(frames, end);
    if (next - start > limitBytes) break;
    end = next;
  }
  return { first, last: offset, start, end };
}

/** The last offset stored before a time; the offset before the first if there is none. */
export function offsetBefore(frames: Uint8Array, first: number, time: number): number {
  let offset = first - 1;
  for (let at = 0; at < frames.length; at = frameEnd(frames, at)) {
    if (readMessageTime(frames, at) >= time) break;
    offset = readMessageOffset(frames, at);
  }
  return offset;
}
