// All topics that this node knows: those it owns, and those it relays.
import type { Ring } from "@shardcast/protocol";
import { ShardcastError } from "@shardcast/protocol";
import type { Turn, Upstream } from "@shardcast/server";
import type { DedupeOptions } from "./dedupe-window.ts";
import type { Log, MemoryTopicLogOptions } from "@shardcast/log";
import { OwnedTopic } from "./owned-topic.ts";
import { RelayedTopic } from "./relayed-topic.ts";
import { Topic, type TopicContext } from "./topic.ts";

/** What one call of `tidy` takes, about, and how far apart two rounds of all topics begin. */
const TIDY_MS = 2;
const TIDY_ROUND_MS = 5000;

export interface TopicsOptions {
  readonly nodeId: string;
  readonly ring: Ring;
  readonly log: Log;
  readonly dedupe: DedupeOptions;
  /** Owned topics that may be in use at once. */
  readonly maxOwned: number;
  /** Messages by which a subscription may fall behind before its link is ended; Infinity for any number. */
  readonly maxLag: number;
  readonly turn: Turn;
  readonly context: TopicContext;
  /** What a relay keeps of each topic. */
  readonly tail: MemoryTopicLogOptions;
  readonly upstreamOf: (ownerId: string) => Upstream;
}

export class Topics {
  readonly #options: TopicsOptions;
  readonly #owned = new Map<string, OwnedTopic>();
  readonly #relayed = new Map<string, RelayedTopic>();
  #nextId = 1;
  /** What is left of a round of `tidy`, and when the next may begin. */
  #toTidy: Generator<OwnedTopic | RelayedTopic, undefined> | undefined;
  #tidyAgain = 0;

  constructor(options: TopicsOptions) {
    this.#options = options;
  }

  get ownedCount(): number {
    return this.#owned.size;
  }

  get relayedCount(): number {
    return this.#relayed.size;
  }

  /** Every topic, owned or relayed, as its subscribers see it. */
  *views(): Generator<Topic> {
    for (const { view } of this.#all()) yield view;
  }

  isOwned(name: string): boolean {
    return this.#options.ring.ownerOf(name).id === this.#options.nodeId;
  }

  /** Tells whether a topic is known, or may be made. */
  hasRoomFor(name: string): boolean {
    return this.#owned.size < this.#options.maxOwned || this.#owned.has(name);
  }

  /** @throws SHARDCAST_NOT_OWNER */
  owned(name: string): OwnedTopic {
    const known = this.#owned.get(name);
    if (known !== undefined) return known;
    if (!this.isOwned(name)) throw new ShardcastError("SHARDCAST_NOT_OWNER");
    const { log, dedupe, context } = this.#options;
    const id = this.#takeId();
    const topicLog = log.open(name, id);
    const view = new Topic(name, id, topicLog, context);
    const owned = new OwnedTopic(view, topicLog, dedupe, Date.now());
    this.#owned.set(name, owned);
    return owned;
  }

  relayed(name: string): RelayedTopic {
    const known = this.#relayed.get(name);
    if (known !== undefined) return known;
    const { ring, turn, tail, context, upstreamOf } = this.#options;
    const upstream = upstreamOf(ring.ownerOf(name).id);
    const relayed = new RelayedTopic(name, this.#takeId(), { upstream, tail, turn, context });
    this.#relayed.set(name, relayed);
    return relayed;
  }

  /**
   * Lets go of what is past its time, and of topics that nobody uses: a few of them a call, so that no
   * turn is long however many there are.
   */
  tidy(now: number): void {
    const end = performance.now() + TIDY_MS;
    if (this.#toTidy === undefined) {
      if (performance.now() < this.#tidyAgain) return;
      this.#tidyAgain = performance.now() + TIDY_ROUND_MS;
      this.#toTidy = this.#all();
    }
    while (performance.now() < end) {
      const { value: topic, done } = this.#toTidy.next();
      if (done === true) {
        this.#toTidy = undefined;
        return;
      }
      this.#tidyTopic(topic, now);
    }
  }

  #tidyTopic(topic: OwnedTopic | RelayedTopic, now: number): void {
    const { log, maxLag } = this.#options;
    const { view } = topic;
    if (maxLag < Infinity) view.endSlow(maxLag);
    if (topic instanceof OwnedTopic) {
      if (topic.expire(now) && log.release(view.name, now)) this.#owned.delete(view.name);
    } else if (topic.isUnused) {
      this.#relayed.delete(view.name);
      topic.close();
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

  #takeId(): number {
    const id = this.#nextId;
    // 32 bits on the wire; a node that has seen so many topics starts over, far from those in use.
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    return id;
  }
}
