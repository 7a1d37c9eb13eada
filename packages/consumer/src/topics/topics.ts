// All topics that this node knows: those it owns, and those it relays.
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

/** What one call of `tidy` takes, about, and how far apart two rounds of all topics begin. */
const TIDY_MS = 2;
const TIDY_ROUND_MS = 5000;
/** Between two looks at the clock. */
const TIDY_TOPICS = 32;
/** Behind a round comes a rest of so many times what it took, within a limit: very many topics cost no more than few. */
const REST_FACTOR = 500;
const MAX_REST_MS = 60_000;

export interface TopicsOptions {
  readonly membership: Membership;
  readonly log: Log;
  readonly dedupe: DedupeOptions;
  /** Owned topics that may be in use at once. */
  readonly maxOwned: number;
  /** Messages by which a subscription may fall behind before its link is ended; Infinity for any number. */
  readonly maxLag: number;
  /** Now, in ms since 1970. */
  readonly now: () => number;
  readonly turn: Turn;
  readonly context: FanOutContext;
  readonly occupancy: Occupancy;
  /** What a relay keeps of each topic. */
  readonly tail: MemoryTopicLogOptions;
  readonly upstreamOf: (owner: RingMember) => TopicSource;
  /** Where every node reads every topic; undefined where only its owner has it. */
  readonly shared: TopicSource | undefined;
}

export class Topics {
  readonly #options: TopicsOptions;
  readonly #context: FanOutContext;
  /** Of topics whose subscribers in reach are all here: those of relays as well. */
  readonly #watchedContext: FanOutContext;
  readonly #owned = new Map<string, OwnedTopic>();
  /** One at a time: two of a topic would each number its messages. */
  readonly #opening = new Map<string, Promise<OwnedTopic>>();
  readonly #relayed = new Map<string, RelayedTopic>();
  /** Topics that this node owned, and whose logs have something left to commit. */
  #left: string[] = [];
  #nextId = 1;
  /** What is left of a round of `tidy`, and when the next may begin. */
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

  /** Every topic, owned or relayed, as its subscribers see it. */
  *views(): Generator<FanOut> {
    for (const { view } of this.#all()) yield view;
  }

  /** The presence topics that somebody follows here. */
  *presenceNames(): Generator<string> {
    for (const { name, subscriberCount } of this.views()) {
      if (subscriberCount > 0 && topicOfPresence(name) !== undefined) yield name;
    }
  }

  /** Where a topic stands that this node owns; undefined where nobody uses it. */
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

  /** Tells whether a topic is known, or may be made. */
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
        // The ring may be another one by now.
        if (!this.isOwned(name)) throw new ShardcastError("SHARDCAST_NOT_OWNER");
        return this.#own(name, id, opened);
      })
      .finally(() => this.#opening.delete(name));
    this.#opening.set(name, owned);
    return owned;
  }

  /**
   * Where an owned topic stands, and after which offset a place in it is. One that nobody uses is let go of at once.
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

  /** What this node serves a topic's subscribers from. */
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

  /** Goes by the ring as it is now: topics with another owner end for their subscribers, who come again. */
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
   * Lets go of what is past its time, and of topics that nobody uses: a few of them a call, so that no
   * turn is long however many there are.
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

  /** Forgets a topic that has no messages, where nobody uses it: nothing of it stays behind. */
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

  /** A map can be changed while it is gone through. */
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
    // 32 bits on the wire; a node that has seen so many topics starts over, far from those in use.
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    return id;
  }
}
