// All topics that this node knows: those it owns, and those it relays.
import type { Ring } from "@shardcast/protocol";
import { ShardcastError } from "@shardcast/protocol";
import type { Turn, Upstream } from "@shardcast/server";
import type { DedupeOptions } from "./dedupe-window.ts";
import type { Log } from "./log.ts";
import type { MemoryLogOptions } from "./memory-log.ts";
import { OwnedTopic } from "./owned-topic.ts";
import { RelayedTopic } from "./relayed-topic.ts";
import { Topic, type TopicContext } from "./topic.ts";

export interface TopicsOptions {
  readonly nodeId: string;
  readonly ring: Ring;
  readonly log: Log;
  readonly dedupe: DedupeOptions;
  /** Topics that the node may own at once. */
  readonly maxOwned: number;
  readonly turn: Turn;
  readonly context: TopicContext;
  /** What a relay keeps of each topic. */
  readonly tail: MemoryLogOptions;
  readonly upstreamOf: (ownerId: string) => Upstream;
}

export class Topics {
  readonly #options: TopicsOptions;
  readonly #owned = new Map<string, OwnedTopic>();
  readonly #relayed = new Map<string, RelayedTopic>();
  #nextId = 1;

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
    for (const { view } of this.#owned.values()) yield view;
    for (const { view } of this.#relayed.values()) yield view;
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
    const topicLog = log.open(name);
    const owned = new OwnedTopic(
      new Topic(name, this.#takeId(), topicLog, context),
      topicLog,
      dedupe,
    );
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

  /** Lets go of what is past its time, and of topics that nobody follows. Called every few seconds. */
  expire(now: number): void {
    for (const [name, owned] of this.#owned) {
      if (!owned.expire(now)) continue;
      this.#owned.delete(name);
      this.#options.log.drop(name);
    }
    for (const [name, relayed] of this.#relayed) {
      if (!relayed.isUnused) continue;
      this.#relayed.delete(name);
      relayed.close();
    }
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
