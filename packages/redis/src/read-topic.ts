// Reads a topic from Redis, for its owner and for every node that serves it.
import { Batch, Damage, type Page } from "@shardcast/log";
import type { From, Position } from "@shardcast/protocol";
import { isWhole } from "./frames-checksum.ts";
import type { TopicKeys } from "./keys.ts";
import type { RedisConnection, Reply } from "./redis-connection.ts";
import { asList, asNumber, asText } from "./reply.ts";
import { BEFORE, READ } from "./scripts.ts";

const NOTHING = Buffer.alloc(0);
/** Fields per batch in a reply. */
const FIELDS = 3;

export interface ReadRequest {
  readonly after: number;
  readonly limitBytes: number;
  /** The epoch whose messages to read; empty for any. */
  readonly epoch: string;
}

/** A batch as stored in Redis. */
export interface StoredBatch {
  /** The offset of its last message. */
  readonly last: number;
  readonly frames: Buffer;
  /** The checksum of the frames; empty if an earlier version stored them. */
  readonly checksum: Buffer;
}

/** The state of a topic, and the batches read. */
export class TopicPage {
  readonly epoch: string;
  readonly head: number;
  readonly oldest: number;
  /** The requested epoch. If the topic has another one, no batches were read. */
  readonly wanted: string;
  /** The first batch may begin before the requested offset. */
  readonly batches: readonly StoredBatch[];

  constructor(
    { epoch, head, oldest, wanted }: Pick<TopicPage, "epoch" | "head" | "oldest" | "wanted">,
    batches: readonly StoredBatch[],
  ) {
    this.epoch = epoch;
    this.head = head;
    this.oldest = oldest;
    this.wanted = wanted;
    this.batches = batches;
  }

  /**
   * The messages after the requested offset: about a limit of bytes, at least one message; or the
   * damaged range if it comes first. Never undefined before the head, unless another epoch was
   * requested.
   */
  after(offset: number, limitBytes: number, topicId: number): Page | undefined {
    if (this.wanted !== this.epoch) return undefined;
    const from = Math.max(offset, this.oldest - 1);
    // Offsets up to the head exist, but no batch was found.
    if (this.batches.length === 0 && from < this.head) return new Damage(from + 1, this.head);
    const whole: Batch[] = [];
    let last = from;
    let damagedTo = from;
    for (const stored of this.batches) {
      const batch = wholeBatch(stored, topicId);
      // An intact batch contains its first offset: the offsets between `last` and that one are
      // missing.
      if (batch === undefined || batch.first > last + 1) {
        if (whole.length > 0) break;
        if (batch !== undefined) return new Damage(from + 1, batch.first - 1);
        damagedTo = Math.max(damagedTo, stored.last);
      } else if (batch.last > last) {
        whole.push(batch);
        last = batch.last;
      }
    }
    const page = Batch.concat(whole)?.slice(from, limitBytes);
    return page ?? (damagedTo > from ? new Damage(from + 1, damagedTo) : undefined);
  }
}

/**
 * @returns undefined if the topic does not exist
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
  const [known, head, oldest, ...fields] = answer;
  const batches: StoredBatch[] = [];
  for (let index = 0; index < fields.length; index += FIELDS) {
    const [last, frames, checksum] = fields.slice(index, index + FIELDS);
    batches.push({ last: asNumber(last), frames: asBytes(frames), checksum: asBytes(checksum) });
  }
  const place = { epoch: asText(known), head: asNumber(head), oldest: asNumber(oldest) };
  return new TopicPage({ ...place, wanted: epoch }, batches);
}

/** The messages of a batch; undefined if they are damaged. */
function wholeBatch({ last, frames, checksum }: StoredBatch, topicId: number): Batch | undefined {
  if (!isWhole(frames, checksum)) return undefined;
  try {
    const batch = Batch.fromFrames(frames, topicId);
    return batch?.last === last ? batch : undefined;
  } catch {
    return undefined;
  }
}

function asBytes(reply: Reply | undefined): Buffer {
  return Buffer.isBuffer(reply) ? reply : NOTHING;
}

/** The offset after which a subscription from `from` starts. */
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
