// A publish on its way to its owner, which has not answered yet.
import {
  PUBLISH_SEQ_AT,
  PUBLISH_TIMEOUT_AT,
  closeCodeOf,
  readPublishTopic,
  writeUint32,
  type ErrorCode,
} from "@shardcast/protocol";
import type { PublishOrigin, Refusal } from "../publish/publish-target.ts";

/** Its frame lies between `start` and `end` of `bytes`. */
export interface UplinkEntry {
  origin: PublishOrigin;
  readonly seq: number;
  /** Of all publishes that this uplink was given: their order. */
  readonly ordinal: number;
  readonly deadline: number;
  /** When it is over, its sender gives the publish up. */
  readonly hasOwnTime: boolean;
  readonly hasId: boolean;
  /** It was on its way when a link ended for what was sent: it goes alone the next time. */
  isSuspect: boolean;
  bytes: Buffer;
  start: number;
  end: number;
}

/**
 * What is wrong with what was sent, by the close code of a link that ended for it; undefined where it ended for
 * anything else. RFC 6455 §7.4.1, docs/protocol.md#close-codes
 */
export function blameOf(closeCode: number): ErrorCode | undefined {
  return BLAMES.get(closeCode);
}

const BLAMES = new Map<number, ErrorCode>([
  [1002, "SHARDCAST_FRAME_MALFORMED"],
  [1003, "SHARDCAST_FRAME_MALFORMED"],
  [1007, "SHARDCAST_FRAME_MALFORMED"],
  [1009, "SHARDCAST_PAYLOAD_TOO_LARGE"],
  ...(
    [
      "SHARDCAST_FRAME_MALFORMED",
      "SHARDCAST_FRAME_UNKNOWN",
      "SHARDCAST_FRAME_UNEXPECTED",
      "SHARDCAST_FRAME_TOO_LARGE",
      "SHARDCAST_INTERNAL",
    ] as const
  ).map((code): [number, ErrorCode] => [closeCodeOf(code), code]),
]);

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
  writeUint32(frame, PUBLISH_TIMEOUT_AT, Math.max(1, Math.ceil(deadline - now)));
  return frame;
}

export function inOrder(entries: UplinkEntry[]): UplinkEntry[] {
  return entries.sort((a, b) => a.ordinal - b.ordinal);
}
