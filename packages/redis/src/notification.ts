// What the append script says on a shard's channel of one batch.
//
//   +--------+-------+---------------+------------------------+----------------+----------+
//   | length | topic | epoch, 16 hex | event, 16 decimal      | message frames | checksum |
//   +--------+-------+---------------+------------------------+----------------+----------+
//
// Without frames, there is something new to be read; so there is where they are not what the checksum says.
// Earlier versions send none, and skip it.
import { messagesBefore } from "./frames-checksum.ts";

const EPOCH_CHARS = 16;
const EVENT_CHARS = 16;

export interface Notification {
  readonly topic: string;
  readonly epoch: string;
  /** The shard's number of it: 1, 2, 3, … */
  readonly event: number;
  /** Of messages; empty where they are to be read. */
  readonly frames: Buffer;
}

/** Undefined where it is something else: whoever may publish in Redis can send anything. */
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
