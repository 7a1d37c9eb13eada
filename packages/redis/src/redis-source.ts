// Lets any node follow topics directly in Redis. Owners publish their appends on one channel per
// shard. Each notification has a sequence number and its messages' offsets, so that the node
// detects lost notifications and reads the messages from the stream.
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

/**
 * How often a shard's sequence number is checked, since no later notification may reveal the loss
 * of the last one.
 */
const CHECK_MS = 2000;
const RETRY_MS = 250;
/**
 * How long the epoch of a topic without messages is kept, and how often it is renewed while the
 * topic is followed.
 */
const UNBORN_MS = 10 * 60_000;
const KEEP_MS = UNBORN_MS / 4;
const SECRET_BYTES = 16;
const NOTHING = new Uint8Array(0);

interface FollowedShard {
  readonly channel: string;
  readonly topics: Map<string, FollowedTopic>;
  /** The sequence number of the last notification; undefined before the first. */
  events: number | undefined;
}

export interface RedisSourceOptions {
  readonly connection: RedisConnection;
  readonly keys: Keys;
  readonly logger: Logger;
  /** Collects damage. */
  readonly damage: DamageTally;
  /** Now, in ms since 1970. @default Date.now */
  readonly now?: () => number;
}

export class RedisSource {
  readonly #options: RedisSourceOptions;
  readonly #shards = new Map<number, FollowedShard>();
  readonly #checkTimer: NodeJS.Timeout;
  readonly #keepTimer: NodeJS.Timeout;
  /** Undefined until the secret has been read. */
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

  /** Follows a topic, including across failures of Redis, until the returned function is called. */
  follow(follower: StreamFollower): () => void {
    const { topic: name } = follower;
    const number = shardOf(name);
    const topic = new FollowedTopic(follower, (after, limitBytes, epoch) =>
      this.#readOrMake(name, { after, limitBytes, epoch }),
    );
    const known = this.#shards.get(number);
    const shard = known ?? this.#newShard(number);
    shard.topics.set(name, topic);
    // For the first topic of a shard, the read starts when the channel is subscribed.
    if (known !== undefined) topic.sync();
    return () => {
      topic.close();
      shard.topics.delete(name);
      if (shard.topics.size === 0) this.#leave(number, shard);
    };
  }

  /**
   * Reads a page of a topic.
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
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
      // Skips damaged messages: the page starts after them.
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

  /**
   * Reads a topic. Gives it an epoch if it has none, which is kept while the topic is followed and
   * for UNBORN_MS after that.
   */
  async #readOrMake(
    name: string,
    request: { readonly after: number; readonly limitBytes: number; readonly epoch: string },
  ): Promise<TopicPage> {
    const { connection, keys } = this.#options;
    const names = keys.topic(name);
    // Needed before a client receives an epoch: the client may resume with it.
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
          // Redis is unreachable; the next interval is soon enough.
        });
      }
    }
  }

  /** Reads the secret that all nodes share; the first node creates it. */
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
      // Messages on a channel without a shard are ignored.
    });
  }

  #checkAll(): void {
    for (const shard of this.#shards.values()) {
      this.#check(shard).catch(() => {
        // Redis is unreachable; the next check follows soon.
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
    // A notification that arrived during the query makes the check unnecessary.
    if (shard.events !== before || events === (before ?? 0)) return;
    shard.events = events;
    this.#syncAll(shard);
  }

  #syncAll(shard: FollowedShard): void {
    for (const topic of shard.topics.values()) topic.sync();
  }
}
