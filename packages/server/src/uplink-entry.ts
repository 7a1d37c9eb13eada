// A publish on its way to its owner, which has not answered yet.
import {
  PUBLISH_SEQ_AT,
  PUBLISH_TIMEOUT_AT,
  readPublishTopic,
  writeUint32,
  type ErrorCode,
} from "@shardcast/protocol";
import type { PublishOrigin, Refusal } from "./publish-target.ts";

/** Its frame lies between `start` and `end` of `bytes`. */
export interface UplinkEntry {
  origin: PublishOrigin;
  readonly seq: number;
  /** Of all publishes that this uplink was given: their order. */
  readonly ordinal: number;
  readonly deadline: number;
  readonly hasId: boolean;
  bytes: Buffer;
  start: number;
  end: number;
}

export function refusalOf(
  { seq, bytes, start }: UplinkEntry,
  code: ErrorCode,
  reason: string,
): Refusal {
  return { seq, topic: readPublishTopic(bytes, start), code, reason };
}

/** The frame of an entry as its origin brought it, but for the time that has passed. */
export function frameOf({ seq, deadline, bytes, start, end }: UplinkEntry, now: number): Buffer {
  // A copy: the bytes may still be on their way to the kernel.
  const frame = Buffer.from(bytes.subarray(start, end));
  writeUint32(frame, PUBLISH_SEQ_AT, seq);
  writeUint32(frame, PUBLISH_TIMEOUT_AT, Math.max(1, deadline - now));
  return frame;
}

export function inOrder(entries: UplinkEntry[]): UplinkEntry[] {
  return entries.sort((a, b) => a.ordinal - b.ordinal);
}
