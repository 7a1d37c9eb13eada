// Reads of a topic in Redis, by whoever: its owner, and every node that serves it.
import { Batch } from "@shardcast/log";
import type { From, Position } from "@shardcast/protocol";
import type { TopicKeys } from "./keys.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { asList, asNumber, asText } from "./reply.ts";
import { BEFORE, READ } from "./scripts.ts";

const NOTHING = Buffer.alloc(0);

export interface ReadRequest {
  readonly after: number;
  readonly limitBytes: number;
  /** Messages of another epoch are not wanted; empty for any. */
  readonly epoch: string;
}

/** Where a topic stands, and what was read of it. */
export class TopicPage {
  readonly epoch: string;
  readonly head: number;
  readonly oldest: number;
  /** Of whole batches: the first may begin before what was asked for. */
  readonly frames: Buffer;

  constructor(epoch: string, head: number, oldest: number, frames: Buffer) {
    this.epoch = epoch;
    this.head = head;
    this.oldest = oldest;
    this.frames = frames;
  }

  /** What follows an offset, up to about a limit and at least one message. */
  batchAfter(after: number, limitBytes: number, topicId: number): Batch | undefined {
    const batch = Batch.fromFrames(this.frames, topicId);
    if (batch === undefined || batch.last <= after) return undefined;
    return batch.slice(Math.max(after, this.oldest - 1), limitBytes);
  }
}

/**
 * Undefined where there is no such topic.
 * @throws SHARDCAST_LOG_UNAVAILABLE, SHARDCAST_LOG_CORRUPT
 */
export async function readTopic(
  connection: RedisConnection,
  keys: TopicKeys,
  { after, limitBytes, epoch }: ReadRequest,
): Promise<TopicPage | undefined> {
  const args = [String(after + 1), String(limitBytes), epoch];
  const answer = asList(await connection.run(READ, [keys.topic, keys.messages], args));
  if (answer.length === 0) return undefined;
  const [known, head, oldest, frames] = answer;
  return new TopicPage(
    asText(known),
    asNumber(head),
    asNumber(oldest),
    Buffer.isBuffer(frames) ? frames : NOTHING,
  );
}

/** The offset after which a subscription begins that starts there. */
export async function resolveStart(
  connection: RedisConnection,
  keys: TopicKeys,
  from: From,
  topic: { readonly epoch: string; readonly head: number; readonly oldest: number },
): Promise<number> {
  const { head, oldest, epoch } = topic;
  switch (from.type) {
    case "live":
      return head;
    case "earliest":
      return oldest - 1;
    case "last":
      return Math.max(oldest - 1, head - from.count);
    case "since": {
      const before = await connection.run(BEFORE, [keys.topic, keys.messages], [String(from.time)]);
      return Math.max(oldest - 1, asNumber(before));
    }
    case "position":
      return positionIn(from.position, epoch) ?? oldest - 1;
  }
}

function positionIn(position: Position, epoch: string): number | undefined {
  return position.epoch === epoch ? position.offset : undefined;
}
