// The log in Redis: state that outlives every node. Which shards this node may append to, Redis itself says:
// to take a shard raises its fence, and Redis refuses appends under a lower one.
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

/** Entries of ids that are read at once. */
const IDS_AT_ONCE = 200;

export interface RedisLogOptions extends LogClock {
  readonly connection: RedisConnection;
  readonly keys: Keys;
  readonly nodeId: string;
  readonly retention: RetentionRules;
  readonly ids: IdRetention;
  /** Replicas that have to have an append before it is acked. */
  readonly replicas: number;
  /** Told of what is damaged. @default nobody */
  readonly damage?: DamageTally;
}

export class RedisLog implements Log {
  /** Redis may come back at any time. */
  readonly fault = undefined;
  readonly state: RedisState;
  readonly #options: RedisLogOptions;
  readonly #now: () => number;
  readonly #damage: DamageTally;
  /** The fences of the shards that this node has taken, or is about to. */
  readonly #fences = new Map<number, Promise<string>>();
  readonly #open = new Map<string, RedisTopicLog>();
  readonly #staged = new Map<number, Set<RedisTopicLog>>();
  readonly #size = { bytes: 0 };
  /** How far topics were that are to be opened again. */
  readonly #acked = new Map<string, Position>();

  constructor(options: RedisLogOptions) {
    this.#options = options;
    this.state = new RedisState(options);
    this.#now = options.now ?? Date.now;
    this.#damage = options.damage ?? new DamageTally();
  }

  /** Of topics that are open here. */
  get bytes(): number {
    return this.#size.bytes;
  }

  /** What is to be sent again soon is kept by whoever follows a topic. */
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
      ...{
        epoch: await this.#epochOf(topic, position, fence),
        head: asNumber(head),
        time: asNumber(time),
      },
      ...{ sum: asNumber(sum), floor: asNumber(floor), floorSum: asNumber(floorSum) },
    };
    const cutoff = (ageMs: number, time: number): number =>
      this.#options.cutoff?.(ageMs) ?? time - ageMs;
    const stored = await this.#idsOf(names.ids, cutoff(ids.ageMs, now));
    const log = new RedisTopicLog(state, stored, {
      ...{ topic, topicId, connection, keys: names, ids, now, cutoff, damage: this.#damage },
      ...{ retention: retention.of(topic), size: this.#size, forgetAfterMs: FORGET_AFTER_MS },
      isShownLater: this.#options.replicas > 0,
      staged: (one) => this.#stage(one),
    });
    // What an owner before has appended, and perhaps not shown any more.
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
    // Another node may append from now on: it is opened again before this one does.
    log?.lose();
    this.#open.delete(topic);
    return true;
  }

  /**
   * All topics of the cluster, by one question to each shard. One that was last opened by a version that kept
   * no list is missing until a node opens it for a publish.
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

  /** Redis forgets by itself what has had its time. */
  tidy(): void {
    // Nothing is left to do.
  }

  close(): Promise<void> {
    for (const log of this.#open.values()) log.lose();
    this.#open.clear();
    return Promise.resolve();
  }

  async #commit(lane: number, staged: readonly RedisTopicLog[]): Promise<void> {
    try {
      const fence = await this.#fenceOf(lane);
      // Written in one piece, since all of it is sent in one turn: one way to Redis and back.
      const done = await Promise.allSettled(staged.map((log) => log.commit(fence, this.#now())));
      const failed = done.find((one) => one.status === "rejected");
      if (failed !== undefined) throw failed.reason;
      await this.#showReplicated(lane, staged);
    } catch (error) {
      this.#lose(lane);
      throw refusalOf(error);
    }
  }

  /** What it knew of the shard's topics may be wrong: they are opened again, under a new fence. */
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
   * A replica that became the master may lack what the old one had acked. Its offsets would be given again,
   * and whoever has seen them would miss the new ones: so the topic gets another epoch.
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

  /** Entries `<time>-<head>`, each with the ids of one batch. */
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

  /** Waits until as many replicas as are asked for have all that was appended so far, and shows it. */
  async #showReplicated(lane: number, logs: readonly RedisTopicLog[]): Promise<void> {
    const { replicas, connection, keys } = this.#options;
    if (replicas === 0) return;
    await connection.replicated(keys.shard(lane), replicas);
    await Promise.all(logs.map((log) => log.show()));
  }
}

/** A script says by the first word what it refuses for. */
function refusalOf(error: unknown): unknown {
  if (!isRefusal(error) || !(error instanceof Error)) return error;
  const text = error.cause instanceof Error ? error.cause.message : "";
  if (!text.startsWith("SHARDCAST_NOT_OWNER")) return error;
  return new ShardcastError("SHARDCAST_NOT_OWNER", text, { cause: error });
}
