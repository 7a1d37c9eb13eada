// Reads of a topic in Redis, by whoever: its owner, and every node that serves it.
import { Batch, Damage, type Page } from "@shardcast/log";
import type { From, Position } from "@shardcast/protocol";
import { isWhole } from "./frames-checksum.ts";
import type { TopicKeys } from "./keys.ts";
import type { RedisConnection, Reply } from "./redis-connection.ts";
import { asList, asNumber, asText } from "./reply.ts";
import { BEFORE, READ } from "./scripts.ts";

const NOTHING = Buffer.alloc(0);
/** Of each batch in an answer. */
const FIELDS = 3;

export interface ReadRequest {
  readonly after: number;
  readonly limitBytes: number;
  /** Messages of another epoch are not wanted; empty for any. */
  readonly epoch: string;
}

/** A batch as it lies in Redis. */
export interface StoredBatch {
  /** The offset of its last message. */
  readonly last: number;
  readonly frames: Buffer;
  /** Of the frames; empty where an earlier version has stored them. */
  readonly checksum: Buffer;
}

/** Where a topic stands, and what was read of it. */
export class TopicPage {
  readonly epoch: string;
  readonly head: number;
  readonly oldest: number;
  /** The epoch that was asked for: of another one, nothing was read. */
  readonly wanted: string;
  /** The first may begin before what was asked for. */
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
   * What follows the offset that was asked for, up to about a limit and at least one message, or how far it is
   * damaged; before head it is always one of them. Undefined also where another epoch was asked for.
   */
  after(offset: number, limitBytes: number, topicId: number): Page | undefined {
    if (this.wanted !== this.epoch) return undefined;
    const from = Math.max(offset, this.oldest - 1);
    // There is a head, and no way to it.
    if (this.batches.length === 0 && from < this.head) return new Damage(from + 1, this.head);
    const whole: Batch[] = [];
    let last = from;
    let damagedTo = from;
    for (const stored of this.batches) {
      const batch = wholeBatch(stored, topicId);
      // A whole one says itself where it begins: what it does not follow on is not there.
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
  const [known, head, oldest, ...fields] = answer;
  const batches: StoredBatch[] = [];
  for (let index = 0; index < fields.length; index += FIELDS) {
    const [last, frames, checksum] = fields.slice(index, index + FIELDS);
    batches.push({ last: asNumber(last), frames: asBytes(frames), checksum: asBytes(checksum) });
  }
  const place = { epoch: asText(known), head: asNumber(head), oldest: asNumber(oldest) };
  return new TopicPage({ ...place, wanted: epoch }, batches);
}

/** The messages of a batch; undefined where they are not what was stored. */
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
