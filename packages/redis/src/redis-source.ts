// Topics followed straight from Redis, by any node: what their owners append comes over one channel a shard.
// Each notification has the shard's number of it and its messages' offsets, so that whatever did not come is
// noticed, and read from the stream.
import { Damage, FORGET_AFTER_MS, createEpoch, type DamageTally } from "@shardcast/log";
import { ShardcastError, shardOf, type From } from "@shardcast/protocol";
import type { Follower, SourcePage, TopicSource } from "@shardcast/server";
import type { Logger } from "pino";
import { FollowedTopic } from "./followed-topic.ts";
import type { Keys } from "./keys.ts";
import { readNotification } from "./notification.ts";
import { readTopic, resolveStart, type TopicPage } from "./read-topic.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { asNumber } from "./reply.ts";
import { OPEN } from "./scripts.ts";

/** How often a shard's number is asked for: a notification that was the last for now may be the lost one. */
const CHECK_MS = 2000;
const RETRY_MS = 250;
const NOTHING = new Uint8Array(0);

interface FollowedShard {
  readonly channel: string;
  readonly topics: Map<string, FollowedTopic>;
  /** The number of the last notification that came; undefined before the first. */
  events: number | undefined;
}

export interface RedisSourceOptions {
  readonly connection: RedisConnection;
  readonly keys: Keys;
  readonly logger: Logger;
  /** Told of what is damaged. */
  readonly damage: DamageTally;
}

export class RedisSource implements TopicSource {
  readonly #options: RedisSourceOptions;
  readonly #shards = new Map<number, FollowedShard>();
  readonly #checkTimer: NodeJS.Timeout;

  constructor(options: RedisSourceOptions) {
    this.#options = options;
    this.#checkTimer = setInterval(() => this.#checkAll(), CHECK_MS);
    this.#checkTimer.unref();
  }

  /** Follows a topic, through every trouble of Redis, until the returned function is called. */
  follow(follower: Follower): () => void {
    const { topic: name } = follower;
    const number = shardOf(name);
    const topic = new FollowedTopic(follower, (after, limitBytes, epoch) =>
      this.#readOrMake(name, { after, limitBytes, epoch }),
    );
    const known = this.#shards.get(number);
    const shard = known ?? this.#newShard(number);
    shard.topics.set(name, topic);
    // The first of a shard is read when the channel stands.
    if (known !== undefined) topic.sync();
    return () => {
      topic.close();
      shard.topics.delete(name);
      if (shard.topics.size === 0) this.#leave(number, shard);
    };
  }

  /** @throws SHARDCAST_LOG_UNAVAILABLE */
  async read(name: string, from: From, limitBytes: number): Promise<SourcePage> {
    const { connection, keys } = this.#options;
    const epochOf = from.type === "position" ? from.position.epoch : "";
    const first = from.type === "position" ? from.position.offset : Number.MAX_SAFE_INTEGER - 1;
    const page = await this.#readOrMake(name, { after: first, limitBytes, epoch: epochOf });
    const { epoch, head, oldest } = page;
    this.#shards.get(shardOf(name))?.topics.get(name)?.noticed(page);
    const offset = await resolveStart(connection, keys.topic(name), from, page);
    const start = Math.max(offset, oldest - 1);
    const read = page.after(start, limitBytes, 0);
    if (read instanceof Damage) {
      this.#options.damage.messages(name, read);
      // Damaged messages are gone over: the page begins behind them.
      return { position: { epoch, offset: read.last }, head, oldest, frames: NOTHING };
    }
    const frames = read?.shared.frames ?? NOTHING;
    return { position: { epoch, offset: start }, head, oldest, frames };
  }

  close(): void {
    clearInterval(this.#checkTimer);
    for (const { topics } of this.#shards.values())
      for (const topic of topics.values()) topic.close();
    this.#shards.clear();
  }

  /** A topic that nobody has published to begins with whoever follows it first. */
  async #readOrMake(
    name: string,
    request: { readonly after: number; readonly limitBytes: number; readonly epoch: string },
  ): Promise<TopicPage> {
    const { connection, keys } = this.#options;
    const names = keys.topic(name);
    const page = await readTopic(connection, names, request);
    if (page !== undefined) return page;
    await connection.run(
      OPEN,
      [names.topic, names.messages, names.ids, names.list],
      [createEpoch(), String(Date.now()), String(FORGET_AFTER_MS), name],
    );
    const made = await readTopic(connection, names, request);
    if (made !== undefined) return made;
    throw new ShardcastError("SHARDCAST_LOG_UNAVAILABLE", "Redis keeps no topic");
  }

  #newShard(number: number): FollowedShard {
    const channel = this.#options.keys.shard(number);
    const shard = { channel, topics: new Map<string, FollowedTopic>(), events: undefined };
    this.#shards.set(number, shard);
    void this.#subscribe(number, shard);
    return shard;
  }

  async #subscribe(number: number, shard: FollowedShard): Promise<void> {
    const { connection, logger } = this.#options;
    while (this.#shards.get(number) === shard) {
      try {
        await connection.subscribe(shard.channel, (payload) => this.#notified(shard, payload));
        this.#syncAll(shard);
        return;
      } catch (error) {
        logger.debug({ error, channel: shard.channel }, "a channel cannot be followed yet");
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  #notified(shard: FollowedShard, payload: Buffer): void {
    const notification = readNotification(payload);
    if (notification === undefined) return;
    const expected = (shard.events ?? notification.event - 1) + 1;
    shard.events = notification.event;
    if (notification.event === expected)
      shard.topics.get(notification.topic)?.notified(notification);
    else this.#syncAll(shard);
  }

  #leave(number: number, shard: FollowedShard): void {
    if (this.#shards.get(number) !== shard) return;
    this.#shards.delete(number);
    this.#options.connection.unsubscribe(shard.channel).catch(() => {
      // A channel that nobody here has a shard for is heard and forgotten.
    });
  }

  #checkAll(): void {
    for (const shard of this.#shards.values()) {
      this.#check(shard).catch(() => {
        // Redis is out of reach; the next check is soon.
      });
    }
  }

  async #check(shard: FollowedShard): Promise<void> {
    const before = shard.events;
    const answer = await this.#options.connection.command(shard.channel, [
      "HGET",
      shard.channel,
      "events",
    ]);
    const events = answer === null ? 0 : asNumber(answer);
    // What came while it was asked needs no check.
    if (shard.events !== before || events === (before ?? 0)) return;
    shard.events = events;
    this.#syncAll(shard);
  }

  #syncAll(shard: FollowedShard): void {
    for (const topic of shard.topics.values()) topic.sync();
  }
}
