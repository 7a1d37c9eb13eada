// Batches as a topic makes them, for tests of logs.
import { decodeFrames, encodeFrame } from "@shardcast/protocol";
import { SharedFrames } from "@shardcast/server";
import { Batch } from "../../src/batch.ts";

/** Messages `first` to `last` as a log would keep them, each with its offset as payload. */
export function batchOf(
  first: number,
  last: number,
  options: { time?: number; bytes?: number } = {},
): Batch {
  const { time = 1000, bytes = 0 } = options;
  const frames: Uint8Array[] = [];
  for (let offset = first; offset <= last; offset += 1) {
    const payload = Buffer.from(`m${offset}`.padEnd(bytes, "."));
    frames.push(encodeFrame({ type: "message", topicId: 7, offset, time, payload }));
  }
  return new Batch(first, last, SharedFrames.of(Buffer.concat(frames)));
}

export function offsetsOf(batch: Batch | undefined): number[] {
  return decodeFrames(batch?.shared.frames ?? new Uint8Array(0))
    .filter((frame) => frame.type === "message")
    .map(({ offset }) => offset);
}
