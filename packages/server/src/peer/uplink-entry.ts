// A publish that was sent to its owner, or waits to be sent, and has no answer yet.
import {
  PUBLISH_SEQ_AT,
  PUBLISH_TIMEOUT_AT,
  closeCodeOf,
  readPublishTopic,
  writeUint32,
  type ErrorCode,
} from "@shardcast/protocol";
import type { PublishOrigin, Refusal } from "../publish/publish-target.ts";

/** The frame is between `start` and `end` of `bytes`. */
export interface UplinkEntry {
  origin: PublishOrigin;
  readonly seq: number;
  /** The entry's place in the order of all publishes that this uplink accepted. */
  readonly ordinal: number;
  readonly deadline: number;
  /** Whether the publish has a timeout of its own, after which its sender gives up. */
  readonly hasOwnTime: boolean;
  readonly hasId: boolean;
  /**
   * Whether it was in flight when a link ended because of a publish. If so, it is next sent alone.
   */
  isSuspect: boolean;
  bytes: Buffer;
  start: number;
  end: number;
}

/**
 * The fault of a publish for which a link ended, by the link's close code; undefined if the link
 * ended for another reason. RFC 6455 §7.4.1, docs/protocol.md#close-codes
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

/**
 * The frame of an entry as its origin sent it, except that its timeout is the time that is left.
 */
export function frameOf({ seq, deadline, bytes, start, end }: UplinkEntry, now: number): Buffer {
  // Copied, because the kernel may not have sent the bytes yet.
  const frame = Buffer.from(bytes.subarray(start, end));
  writeUint32(frame, PUBLISH_SEQ_AT, seq);
  writeUint32(frame, PUBLISH_TIMEOUT_AT, Math.max(1, Math.ceil(deadline - now)));
  return frame;
}

export function inOrder(entries: UplinkEntry[]): UplinkEntry[] {
  return entries.sort((a, b) => a.ordinal - b.ordinal);
}
