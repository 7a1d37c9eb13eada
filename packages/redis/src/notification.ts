// The message that the append script publishes on a shard's channel for one batch.
//
//   +--------+-------+---------------+------------------------+----------------+----------+
//   | length | topic | epoch, 16 hex | event, 16 decimal      | message frames | checksum |
//   +--------+-------+---------------+------------------------+----------------+----------+
//
// If it has no frames, or their checksum does not match, followers must read the topic. Earlier
// versions send no checksum, and skip it.
import { messagesBefore } from "./frames-checksum.ts";

const EPOCH_CHARS = 16;
const EVENT_CHARS = 16;

export interface Notification {
  readonly topic: string;
  readonly epoch: string;
  /** The sequence number of the notification in its shard, from 1. */
  readonly event: number;
  /** Message frames; empty if the topic must be read instead. */
  readonly frames: Buffer;
}

/**
 * Undefined if the bytes are not a notification: any client of Redis can publish on the channel.
 */
export function readNotification(bytes: Buffer): Notification | undefined {
  const topicEnd = 1 + (bytes[0] ?? 0);
  const epochEnd = topicEnd + EPOCH_CHARS;
  const framesStart = epochEnd + EVENT_CHARS;
  const event = Number(bytes.toString("latin1", epochEnd, framesStart));
  if (framesStart > bytes.length || !Number.isSafeInteger(event)) return undefined;
  return {
    topic: bytes.toString("utf8", 1, topicEnd),
    epoch: bytes.toString("latin1", topicEnd, epochEnd),
    event,
    frames: messagesBefore(bytes.subarray(framesStart)),
  };
}
