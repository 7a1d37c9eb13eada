// Topics followed straight from Redis, by any node: what their owners append comes over one channel a shard.
// Each notification has the shard's number of it and its messages' offsets, so that whatever did not come is
// noticed, and read from the stream.
import { randomBytes } from "node:crypto";
import { BirthEpochs, Damage, createEpoch, type DamageTally } from "@shardcast/log";
import {
  ShardcastError,
  shardOf,
  type From,
  type PageFrame,
  type Position,
} from "@shardcast/protocol";
import type { Logger } from "pino";
import { FollowedTopic, type StreamFollower } from "./followed-topic.ts";
import type { Keys } from "./keys.ts";
import { readNotification } from "./notification.ts";
import { readTopic, resolveStart, type TopicPage } from "./read-topic.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { asNumber, asText } from "./reply.ts";
import { FOLLOW } from "./scripts.ts";

/** How often a shard's number is asked for: a notification that was the last for now may be the lost one. */
const CHECK_MS = 2000;
const RETRY_MS = 250;
/** How long the epoch of a topic without messages is kept that nobody follows, and how often it is kept anew. */
const UNBORN_MS = 10 * 60_000;
const KEEP_MS = UNBORN_MS / 4;
const SECRET_BYTES = 16;
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
  /** Now, in ms since 1970. @default Date.now */
  readonly now?: () => number;
}

export class RedisSource {
  readonly #options: RedisSourceOptions;
  readonly #shards = new Map<number, FollowedShard>();
  readonly #checkTimer: NodeJS.Timeout;
  readonly #keepTimer: NodeJS.Timeout;
  /** Undefined before the secret was asked for. */
  #births: BirthEpochs | undefined;
  readonly #now: () => number;

  constructor(options: RedisSourceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#checkTimer = setInterval(() => this.#checkAll(), CHECK_MS);
    this.#checkTimer.unref();
    this.#keepTimer = setInterval(() => this.#keepAll(), KEEP_MS);
    this.#keepTimer.unref();
  }

  /** Follows a topic, through every trouble of Redis, until the returned function is called. */
  follow(follower: StreamFollower): () => void {
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
  async read(
    name: string,
    from: From,
    limitBytes: number,
  ): Promise<Pick<PageFrame, "position" | "head" | "oldest" | "frames">> {
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

  isFresh(topic: string, position: Position): boolean {
    return this.#births?.isFresh(topic, position) === true;
  }

  close(): void {
    clearInterval(this.#checkTimer);
    clearInterval(this.#keepTimer);
    for (const { topics } of this.#shards.values())
      for (const topic of topics.values()) topic.close();
    this.#shards.clear();
  }

  /** A topic that nobody has published to has an epoch as long as it is followed, and a while longer. */
  async #readOrMake(
    name: string,
    request: { readonly after: number; readonly limitBytes: number; readonly epoch: string },
  ): Promise<TopicPage> {
    const { connection, keys } = this.#options;
    const names = keys.topic(name);
    // Whoever is told an epoch may come back with it.
    this.#births ??= await this.#readBirths();
    const page = await readTopic(connection, names, request);
    if (page !== undefined) return page;
    await this.#keep(name);
    const made = await readTopic(connection, names, request);
    if (made !== undefined) return made;
    throw new ShardcastError("SHARDCAST_LOG_UNAVAILABLE", "Redis keeps no topic");
  }

  async #keep(name: string): Promise<void> {
    const { connection, keys } = this.#options;
    const names = keys.topic(name);
    const births = (this.#births ??= await this.#readBirths());
    await connection.run(
      FOLLOW,
      [names.topic, names.messages, names.ids, names.list],
      [births.of(name), String(this.#now()), String(UNBORN_MS), createEpoch(), name],
    );
  }

  #keepAll(): void {
    for (const { topics } of this.#shards.values()) {
      for (const [name, { isUnborn }] of topics) {
        if (!isUnborn) continue;
        this.#keep(name).catch(() => {
          // Redis is out of reach; the next time is soon enough.
        });
      }
    }
  }

  /** One secret for all nodes: the first of them makes it. */
  async #readBirths(): Promise<BirthEpochs> {
    const { connection, keys } = this.#options;
    const own = randomBytes(SECRET_BYTES).toString("hex");
    const known = await connection.command(keys.births, ["SET", keys.births, own, "NX", "GET"]);
    const bytes = Buffer.from(known === null ? own : asText(known), "hex");
    return new BirthEpochs(this.#now, { bytes, period: -1 });
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
