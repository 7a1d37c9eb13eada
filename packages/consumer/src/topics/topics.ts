// The topics that this node uses: those that it owns, and those that it relays.
import {
  ShardcastError,
  isSameMember,
  topicOfPresence,
  type Epoch,
  type From,
  type Position,
  type RingMember,
} from "@shardcast/protocol";
import type { Membership, TopicSource, Turn } from "@shardcast/server";
import type { DedupeOptions } from "../owner/dedupe-window.ts";
import type { Log, MemoryTopicLogOptions, TopicLog } from "@shardcast/log";
import { OwnedTopic } from "../owner/owned-topic.ts";
import { RelayedTopic } from "./relayed-topic.ts";
import type { Occupancy } from "../fan-out/occupancy.ts";
import { FanOut, type FanOutContext } from "../fan-out/fan-out.ts";

/**
 * The approximate time of one call of `tidy`, and the least time from the start of one round to the
 * next.
 */
const TIDY_MS = 2;
const TIDY_ROUND_MS = 5000;
/** How many topics are visited before the clock is read again. */
const TIDY_TOPICS = 32;
/**
 * After a round, `tidy` rests for this many times the round's duration, up to MAX_REST_MS, so that
 * very many topics cost no more than a few.
 */
const REST_FACTOR = 1000;
const MAX_REST_MS = 60_000;

export interface TopicsOptions {
  readonly membership: Membership;
  readonly log: Log;
  readonly dedupe: DedupeOptions;
  /** The most owned topics that may be in use at once. */
  readonly maxOwned: number;
  /**
   * How many messages a subscription may fall behind before its link is closed; Infinity for no
   * limit.
   */
  readonly maxLag: number;
  /** Returns the current time, in ms since 1970. */
  readonly now: () => number;
  readonly turn: Turn;
  readonly context: FanOutContext;
  readonly occupancy: Occupancy;
  /** Options of the log that a relay keeps for each topic. */
  readonly tail: MemoryTopicLogOptions;
  readonly upstreamOf: (owner: RingMember) => TopicSource;
  /**
   * A source from which every node reads every topic; undefined if only the owner has a topic's
   * log.
   */
  readonly shared: TopicSource | undefined;
}

export class Topics {
  readonly #options: TopicsOptions;
  readonly #context: FanOutContext;
  /** For topics whose available subscribers are all counted here, including those of relays. */
  readonly #watchedContext: FanOutContext;
  readonly #owned = new Map<string, OwnedTopic>();
  /** Only one at a time: two instances of a topic would each number its messages. */
  readonly #opening = new Map<string, Promise<OwnedTopic>>();
  readonly #relayed = new Map<string, RelayedTopic>();
  /** Topics that this node owned, whose logs still have messages to commit. */
  #left: string[] = [];
  #nextId = 1;
  /** The rest of the current round of `tidy`, and when the next round may begin. */
  #toTidy: Generator<OwnedTopic | RelayedTopic, undefined> | undefined;
  #tidyAgain = 0;
  #tidyTookMs = 0;

  constructor(options: TopicsOptions) {
    const { context, occupancy } = options;
    this.#options = options;
    this.#context = { ...context, onUnused: (name) => this.letGo(name) };
    this.#watchedContext = { ...this.#context, occupancy };
  }

  get ownedCount(): number {
    return this.#owned.size;
  }

  get relayedCount(): number {
    return this.#relayed.size;
  }

  /** The fan-out of every topic, owned or relayed. */
  *views(): Generator<FanOut> {
    for (const { view } of this.#all()) yield view;
  }

  /** The presence topics that have subscribers at this node. */
  *presenceNames(): Generator<string> {
    for (const { name, subscriberCount } of this.views()) {
      if (subscriberCount > 0 && topicOfPresence(name) !== undefined) yield name;
    }
  }

  /** The position of a topic that this node owns; undefined if the topic is not in use. */
  positionOf(name: string): Position | undefined {
    const log = this.#owned.get(name)?.log;
    return log === undefined ? undefined : { epoch: log.epoch, offset: log.head };
  }

  isOwned(name: string): boolean {
    return this.#options.membership.owns(name);
  }

  /** False while no consumer is known. */
  hasOwner(name: string): boolean {
    return this.#options.membership.ownerOf(name) !== undefined;
  }

  /** Whether a topic is in use, or may be opened. */
  hasRoomFor(name: string): boolean {
    return this.#owned.size < this.#options.maxOwned || this.#owned.has(name);
  }

  /** @throws SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE */
  owned(name: string): OwnedTopic | Promise<OwnedTopic> {
    const known = this.#owned.get(name);
    if (known?.log.isStale === false) return known;
    if (!this.isOwned(name)) throw new ShardcastError("SHARDCAST_NOT_OWNER");
    const opening = this.#opening.get(name);
    if (opening !== undefined) return opening;
    const id = this.#takeId();
    const log = this.#options.log.open(name, id);
    if (!(log instanceof Promise)) return this.#own(name, id, log);
    const owned = log
      .then((opened) => {
        // The ring may have changed meanwhile.
        if (!this.isOwned(name)) throw new ShardcastError("SHARDCAST_NOT_OWNER");
        return this.#own(name, id, opened);
      })
      .finally(() => this.#opening.delete(name));
    this.#opening.set(name, owned);
    return owned;
  }

  /**
   * The position of an owned topic, and the offset before the place that `from` names. A topic that
   * is not in use is released at once.
   * @throws SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE, SHARDCAST_OWNER_UNAVAILABLE
   */
  async standing(
    name: string,
    from: From,
  ): Promise<{ readonly epoch: Epoch; readonly head: number; readonly after: number }> {
    const { shared, log } = this.#options;
    if (shared !== undefined) {
      const { position, head } = await shared.read(name, from, 1);
      return { epoch: position.epoch, head, after: position.offset };
    }
    const topic = this.#owned.get(name)?.log ?? (await log.open(name, this.#takeId()));
    const after = await topic.resolve(from);
    if (!this.#owned.has(name)) log.release(name, this.#options.now());
    return { epoch: topic.epoch, head: topic.head, after };
  }

  /** The topic object that serves this node's subscribers. */
  served(name: string): OwnedTopic | RelayedTopic {
    if (this.#options.shared !== undefined || !this.isOwned(name)) return this.relayed(name);
    const owned = this.owned(name);
    if (owned instanceof Promise) throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE");
    return owned;
  }

  relayed(name: string): RelayedTopic {
    const known = this.#relayed.get(name);
    if (known !== undefined) return known;
    const { membership, turn, tail, shared, upstreamOf } = this.#options;
    const context = shared === undefined ? this.#context : this.#watchedContext;
    const owner = membership.ownerOf(name);
    if (owner === undefined) throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE");
    const options = { owner, source: shared ?? upstreamOf(owner), tail, turn, context };
    const relayed = new RelayedTopic(name, this.#takeId(), options);
    this.#relayed.set(name, relayed);
    return relayed;
  }

  /**
   * Applies the current ring. Ends the subscriptions of topics that have another owner now; their
   * clients subscribe again.
   */
  regroup(): void {
    const { membership, shared } = this.#options;
    this.#toTidy = undefined;
    for (const [name, owned] of this.#owned) {
      if (membership.owns(name)) continue;
      this.#owned.delete(name);
      owned.leave();
      if (!this.#options.log.release(name, this.#options.now())) this.#left.push(name);
    }
    if (shared !== undefined) return;
    for (const [name, relayed] of this.#relayed) {
      const owner = membership.ownerOf(name);
      if (owner !== undefined && isSameMember(owner, relayed.owner)) continue;
      this.#relayed.delete(name);
      relayed.leave();
    }
  }

  /**
   * Deletes expired messages, and releases topics that are not in use: a few topics per call, so
   * that no turn is long.
   */
  tidy(now: number): void {
    this.#left = this.#left.filter(
      (name) => !this.#owned.has(name) && !this.#options.log.release(name, now),
    );
    const { steady } = this.#context.runtime;
    const start = steady();
    if (this.#toTidy === undefined) {
      if (start < this.#tidyAgain) return;
      this.#tidyAgain = start + TIDY_ROUND_MS;
      this.#tidyTookMs = 0;
      this.#toTidy = this.#all();
    }
    let isOver = false;
    while (!isOver && steady() < start + TIDY_MS) {
      isOver = this.#tidySome(this.#toTidy, now);
    }
    this.#tidyTookMs += steady() - start;
    if (!isOver) return;
    this.#toTidy = undefined;
    const restMs = Math.min(MAX_REST_MS, REST_FACTOR * this.#tidyTookMs);
    this.#tidyAgain = Math.max(this.#tidyAgain, steady() + restMs);
  }

  /** @returns whether the round is over */
  #tidySome(topics: Generator<OwnedTopic | RelayedTopic, undefined>, now: number): boolean {
    for (let count = 0; count < TIDY_TOPICS; count += 1) {
      const { value: topic, done } = topics.next();
      if (done === true) return true;
      this.#tidyTopic(topic, now);
    }
    return false;
  }

  #tidyTopic(topic: OwnedTopic | RelayedTopic, now: number): void {
    const { log, maxLag } = this.#options;
    const { view } = topic;
    if (maxLag < Infinity) view.endSlow(maxLag);
    if (topic instanceof OwnedTopic) {
      if (topic.expire(now, this.#context.runtime.steady()) && log.release(view.name, now))
        this.#owned.delete(view.name);
    } else if (topic.isUnused) {
      this.#relayed.delete(view.name);
      topic.close();
    }
  }

  /** Removes a topic that has no messages and is not in use, without a trace. */
  letGo(name: string): void {
    const owned = this.#owned.get(name);
    const relayed = this.#relayed.get(name);
    if (
      owned?.log.head === 0 &&
      owned.isUnused &&
      this.#options.log.release(name, this.#options.now())
    ) {
      this.#owned.delete(name);
    }
    if (relayed?.head === 0 && relayed.isUnused) {
      this.#relayed.delete(name);
      relayed.close();
    }
  }

  /** Maps may change during this iteration. */
  *#all(): Generator<OwnedTopic | RelayedTopic, undefined> {
    yield* this.#owned.values();
    yield* this.#relayed.values();
  }

  close(): void {
    for (const relayed of this.#relayed.values()) relayed.close();
    this.#relayed.clear();
  }

  #own(name: string, id: number, log: TopicLog): OwnedTopic {
    const { dedupe, shared } = this.#options;
    const context = shared === undefined ? this.#watchedContext : this.#context;
    const view = new FanOut(name, id, log, context);
    const lane = this.#options.log.laneOf(name);
    const owned = new OwnedTopic(
      view,
      log,
      lane,
      dedupe,
      this.#options.now(),
      this.#context.runtime.steady(),
    );
    this.#owned.set(name, owned);
    return owned;
  }

  #takeId(): number {
    const id = this.#nextId;
    // Topic ids have 32 bits on the wire. After the last one, ids start again, far from those in
    // use.
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    return id;
  }
}
