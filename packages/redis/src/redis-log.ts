// The log in Redis, which outlives every node. Redis decides which shards this node may append to:
// a node that takes a shard raises its fence, and Redis rejects appends with a lower one.
// docs/architecture.md#the-log-in-redis
import {
  DamageTally,
  FORGET_AFTER_MS,
  createEpoch,
  type IdRetention,
  type Log,
  type LogClock,
  type RetentionRules,
} from "@shardcast/log";
import {
  SHARD_COUNT,
  ShardcastError,
  shardOf,
  type Epoch,
  type Position,
} from "@shardcast/protocol";
import type { Keys } from "./keys.ts";
import { mergedPage } from "./merged-pages.ts";
import { isRefusal, type RedisConnection } from "./redis-connection.ts";
import { RedisState } from "./redis-state.ts";
import { RedisTopicLog } from "./redis-topic-log.ts";
import { asNumber, asText, asTexts } from "./reply.ts";
import { OPEN, RENEW, TAKE, TOPICS } from "./scripts.ts";

/** The number of id entries to read at once. */
const IDS_AT_ONCE = 200;

export interface RedisLogOptions extends LogClock {
  readonly connection: RedisConnection;
  readonly keys: Keys;
  readonly nodeId: string;
  readonly retention: RetentionRules;
  readonly ids: IdRetention;
  /** The number of replicas that must have an append before it is acked. */
  readonly replicas: number;
  /** Collects damage. @default reports nothing */
  readonly damage?: DamageTally;
}

export class RedisLog implements Log {
  /** Always undefined: Redis may become reachable again at any time. */
  readonly fault = undefined;
  readonly state: RedisState;
  readonly #options: RedisLogOptions;
  readonly #now: () => number;
  readonly #damage: DamageTally;
  /** The fences of the shards that this node has taken or is taking. */
  readonly #fences = new Map<number, Promise<string>>();
  readonly #open = new Map<string, RedisTopicLog>();
  readonly #staged = new Map<number, Set<RedisTopicLog>>();
  readonly #size = { bytes: 0 };
  /** The last acked positions of topics that must be opened again. */
  readonly #acked = new Map<string, Position>();

  constructor(options: RedisLogOptions) {
    this.#options = options;
    this.state = new RedisState(options);
    this.#now = options.now ?? Date.now;
    this.#damage = options.damage ?? new DamageTally();
  }

  /** Counts open topics only. */
  get bytes(): number {
    return this.#size.bytes;
  }

  /** The followers of a topic keep the messages to send again. */
  get tailBytes(): number {
    return 0;
  }

  laneOf(topic: string): number {
    return shardOf(topic);
  }

  /** @throws SHARDCAST_LOG_UNAVAILABLE */
  async open(topic: string, topicId: number): Promise<RedisTopicLog> {
    const known = this.#open.get(topic);
    if (known?.isStale === false) return known;
    const { connection, keys, retention, ids } = this.#options;
    const names = keys.topic(topic);
    const fence = await this.#fenceOf(shardOf(topic));
    const now = this.#now();
    const answer = await connection.run(
      OPEN,
      [names.topic, names.messages, names.ids, names.list],
      [createEpoch(), String(now), String(FORGET_AFTER_MS), topic],
    );
    const [epoch, head, time, sum, floor, floorSum] = asTexts(answer);
    const position = { epoch: asText(epoch), offset: asNumber(head) };
    const state = {
      epoch: await this.#epochOf(topic, position, fence),
      head: asNumber(head),
      time: asNumber(time),
      sum: asNumber(sum),
      floor: asNumber(floor),
      floorSum: asNumber(floorSum),
    };
    const cutoff = (ageMs: number, time: number): number =>
      this.#options.cutoff?.(ageMs) ?? time - ageMs;
    const stored = await this.#idsOf(names.ids, cutoff(ids.ageMs, now));
    const log = new RedisTopicLog(state, stored, {
      topic,
      topicId,
      connection,
      keys: names,
      ids,
      now,
      cutoff,
      damage: this.#damage,
      retention: retention.of(topic),
      size: this.#size,
      forgetAfterMs: FORGET_AFTER_MS,
      isShownLater: this.#options.replicas > 0,
      staged: (one) => this.#stage(one),
    });
    // The previous owner may have appended messages without making them visible.
    await this.#showReplicated(shardOf(topic), [log]);
    this.#open.set(topic, log);
    return log;
  }

  commit(lane: number): Promise<void> | undefined {
    const staged = this.#staged.get(lane);
    if (staged === undefined) return undefined;
    this.#staged.delete(lane);
    return this.#commit(lane, [...staged]);
  }

  release(topic: string): boolean {
    const log = this.#open.get(topic);
    // Another node may append from now on, so the topic must be opened again before this node
    // appends.
    log?.lose();
    this.#open.delete(topic);
    return true;
  }

  /**
   * All topics of the cluster, usually with one query per shard. A topic that was last opened by a
   * version without the list is missing until a node opens it for a publish.
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
  topics(after: string, limit: number): Promise<readonly string[]> {
    const { connection, keys } = this.#options;
    const shards = Array.from({ length: SHARD_COUNT }, (_, shard) => {
      return async (from: string, count: number) => {
        const args = [from, String(count), keys.topicStem(shard)];
        return asTexts(await connection.run(TOPICS, [keys.topics(shard)], args));
      };
    });
    return mergedPage(shards, (name) => name, { after, limit });
  }

  tidy(): void {
    // Nothing to do: keys in Redis expire.
  }

  close(): Promise<void> {
    for (const log of this.#open.values()) log.lose();
    this.#open.clear();
    return Promise.resolve();
  }

  async #commit(lane: number, staged: readonly RedisTopicLog[]): Promise<void> {
    try {
      const fence = await this.#fenceOf(lane);
      // All commands are sent in the same turn, so they take one round trip.
      const done = await Promise.allSettled(staged.map((log) => log.commit(fence, this.#now())));
      const failed = done.find((one) => one.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      await this.#showReplicated(lane, staged);
    } catch (error) {
      this.#lose(lane);
      throw refusalOf(error);
    }
  }

  /**
   * Discards the state of a shard's topics, which may be wrong: they are opened again under a new
   * fence.
   */
  #lose(lane: number): void {
    this.#fences.delete(lane);
    this.#staged.delete(lane);
    for (const [topic, log] of this.#open) {
      if (shardOf(topic) !== lane) continue;
      log.lose();
      this.#acked.set(topic, { epoch: log.epoch, offset: log.head });
      this.#open.delete(topic);
    }
  }

  /**
   * The epoch to use for a topic. A replica that became master may lack acked messages. Their
   * offsets would be used again, and readers that received them would miss the new messages, so the
   * topic then gets a new epoch.
   */
  async #epochOf(topic: string, { epoch, offset }: Position, fence: string): Promise<Epoch> {
    const { connection, keys } = this.#options;
    const acked = this.#acked.get(topic);
    if (acked?.epoch !== epoch || acked.offset <= offset) {
      this.#acked.delete(topic);
      return epoch;
    }
    const names = keys.topic(topic);
    const args = [fence, epoch, createEpoch()];
    const renewed = asText(await connection.run(RENEW, [names.shard, names.topic], args));
    this.#acked.delete(topic);
    return renewed;
  }

  #fenceOf(shard: number): Promise<string> {
    const known = this.#fences.get(shard);
    if (known !== undefined) return known;
    const { connection, keys, nodeId } = this.#options;
    const fence = connection.run(TAKE, [keys.shard(shard)], [nodeId]).then(asText);
    this.#fences.set(shard, fence);
    fence.catch(() => {
      if (this.#fences.get(shard) === fence) this.#fences.delete(shard);
    });
    return fence;
  }

  #stage(log: RedisTopicLog): void {
    const lane = shardOf(log.topic);
    const staged = this.#staged.get(lane);
    if (staged === undefined) this.#staged.set(lane, new Set([log]));
    else staged.add(log);
  }

  /** Reads the stored ids: entries `<time>-<head>`, each with the ids of one commit. */
  async #idsOf(key: string, since: number): Promise<{ time: number; record: Buffer }[]> {
    const found: { time: number; record: Buffer }[] = [];
    let from = String(Math.max(0, since));
    for (;;) {
      const args = ["XRANGE", key, from, "+", "COUNT", String(IDS_AT_ONCE)];
      const entries = await this.#options.connection.command(key, args);
      if (!Array.isArray(entries)) return found;
      for (const entry of entries) {
        const [id, fields] = entry as readonly [Buffer, readonly Buffer[]];
        const record = fields[1];
        from = `(${id.toString("latin1")}`;
        if (record !== undefined)
          found.push({ time: Number.parseInt(id.toString("latin1")), record });
      }
      if (entries.length < IDS_AT_ONCE) return found;
    }
  }

  /** Waits until the required number of replicas have all appends, and makes them visible. */
  async #showReplicated(lane: number, logs: readonly RedisTopicLog[]): Promise<void> {
    const { replicas, connection, keys } = this.#options;
    if (replicas === 0) return;
    await connection.replicated(keys.shard(lane), replicas);
    await Promise.all(logs.map((log) => log.show()));
  }
}

/** Converts the rejection of a script, whose text begins with the error's code. */
function refusalOf(error: unknown): unknown {
  if (!isRefusal(error) || !(error instanceof Error)) return error;
  const text = error.cause instanceof Error ? error.cause.message : "";
  if (!text.startsWith("SHARDCAST_NOT_OWNER")) return error;
  return new ShardcastError("SHARDCAST_NOT_OWNER", text, { cause: error });
}
