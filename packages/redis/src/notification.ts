// What the append script says on a shard's channel of one batch.
//
//   +--------+-------+---------------+------------------------+----------------+
//   | length | topic | epoch, 16 hex | event, 16 decimal      | message frames |
//   +--------+-------+---------------+------------------------+----------------+
//
// Without frames, there is something new to be read.
const EPOCH_CHARS = 16;
const EVENT_CHARS = 16;

export interface Notification {
  readonly topic: string;
  readonly epoch: string;
  /** The shard's number of it: 1, 2, 3, … */
  readonly event: number;
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
    frames: bytes.subarray(framesStart),
  };
}
