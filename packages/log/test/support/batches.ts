// Creates batches for tests of logs.
import { decodeFrames, encodeFrame } from "@shardcast/protocol";
import { SharedFrames } from "@shardcast/protocol/websocket";
import { Batch } from "../../src/batch.ts";
import type { Page } from "../../src/log.ts";
import { IdRecord } from "../../src/id-record.ts";

/** Messages `first` to `last` as a log keeps them, each with its offset as payload. */
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

/** The offsets of a page's messages; empty if they are damaged. */
export function offsetsOf(page: Page | undefined): number[] {
  return decodeFrames(framesOf(page))
    .filter((frame) => frame.type === "message")
    .map(({ offset }) => offset);
}

export function framesOf(page: Page | undefined): Uint8Array {
  return page instanceof Batch ? page.shared.frames : new Uint8Array(0);
}

/** Message ids with their offsets, as an owner appends them with a batch. */
export function idsOf(ids: Readonly<Record<string, number>> = {}): IdRecord {
  const record = new IdRecord();
  for (const [messageId, offset] of Object.entries(ids)) {
    const bytes = Buffer.from(messageId);
    record.add(offset, bytes, 0, bytes.length);
  }
  return record;
}

export function textsOf(record: IdRecord): [string, number][] {
  const ids: [string, number][] = [];
  record.forEach((offset, bytes, start, end) => {
    ids.push([Buffer.from(bytes.subarray(start, end)).toString("utf8"), offset]);
  });
  return ids;
}
