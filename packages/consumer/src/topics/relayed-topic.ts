// A topic that another node owns. This node subscribes to it once for all local subscribers, keeps
// its newest messages, and reads older ones from the owner. docs/architecture.md#relay
import {
  NO_EPOCH,
  ShardcastError,
  type From,
  type GapFrame,
  type Position,
  type RingMember,
  type SubscribedFrame,
} from "@shardcast/protocol";
import type { Runtime, Timer } from "@shardcast/process";
import type { Follower, SourcePage, TopicSource, Turn, TurnWork } from "@shardcast/server";
import {
  Batch,
  Damage,
  MemoryTopicLog,
  type MemoryTopicLogOptions,
  type Page,
  type ReadableLog,
} from "@shardcast/log";
import type { Subscription } from "../fan-out/subscription.ts";
import { FanOut, type FanOutContext } from "../fan-out/fan-out.ts";

/**
 * How long a subscriber waits for the owner before its subscription ends with
 * SHARDCAST_OWNER_UNAVAILABLE.
 */
const OWNER_TIMEOUT_MS = 5000;

export interface RelayedTopicOptions {
  readonly owner: RingMember;
  readonly source: TopicSource;
  readonly tail: MemoryTopicLogOptions;
  readonly turn: Turn;
  readonly context: FanOutContext;
}

interface WaitingSubscription {
  readonly subscription: Subscription;
  readonly from: From;
  readonly timer: Timer;
}

export class RelayedTopic implements Follower, ReadableLog, TurnWork {
  readonly topicName: string;
  readonly view: FanOut;
  readonly #options: RelayedTopicOptions;
  readonly #unfollow: () => void;
  /**
   * The newest messages. Replaced when the owner confirms the subscription and reports the topic's
   * position.
   */
  #tail: MemoryTopicLog;
  /** The first offset that the owner still has, as far as this node knows. */
  #ownersOldest = 1;
  #isFollowed = false;
  #waiting: WaitingSubscription[] = [];
  #arrived: Uint8Array[] = [];

  constructor(name: string, id: number, options: RelayedTopicOptions) {
    this.topicName = name;
    this.#options = options;
    this.#tail = new MemoryTopicLog(NO_EPOCH, options.tail);
    this.view = new FanOut(name, id, this, options.context);
    this.#unfollow = options.source.follow(this);
  }

  get owner(): RingMember {
    return this.#options.owner;
  }

  get topic(): string {
    return this.topicName;
  }

  get position(): Position | undefined {
    return this.#isFollowed ? { epoch: this.#tail.epoch, offset: this.#receivedHead } : undefined;
  }

  get epoch(): string {
    return this.#tail.epoch;
  }

  get head(): number {
    return this.#tail.head;
  }

  get oldest(): number {
    return Math.min(this.#ownersOldest, this.#tail.oldest);
  }

  get isUnused(): boolean {
    return this.view.subscriberCount === 0 && this.#waiting.length === 0;
  }

  subscribe(subscription: Subscription, from: From): void {
    if (this.#isFollowed) {
      this.view.subscribe(subscription, from);
      return;
    }
    const timer = this.#runtime.setTimeout(() => {
      this.#waiting = this.#waiting.filter((waiting) => waiting.subscription !== subscription);
      this.view.end(subscription, "SHARDCAST_OWNER_UNAVAILABLE");
    }, OWNER_TIMEOUT_MS);
    this.#waiting.push({ subscription, from, timer });
  }

  read(after: number, limitBytes: number): Page | undefined | Promise<Page | undefined> {
    if (after + 1 >= this.#tail.oldest) return this.#tail.read(after, limitBytes);
    return this.#readFromOwner(after, limitBytes);
  }

  continues(position: Position): boolean {
    const { source } = this.#options;
    return position.epoch === this.epoch || source.isFresh?.(this.topicName, position) === true;
  }

  resolve(from: From): number | Promise<number> {
    switch (from.type) {
      case "live":
        return this.head;
      case "position": {
        const { offset } = from.position;
        if (!this.continues(from.position)) return this.oldest - 1;
        return offset + 1 >= this.#tail.oldest ? offset : this.#askOwner(from);
      }
      case "earliest":
      case "last":
      case "since":
        return this.#askOwner(from);
    }
  }

  /**
   * The owner has accepted the subscription, for the first time or again after the link was lost.
   */
  followed(frame: SubscribedFrame): void {
    this.#flush();
    const { epoch, offset } = frame.position;
    const isContinued = this.#isFollowed && epoch === this.#tail.epoch && frame.recovered;
    this.#ownersOldest = frame.oldest;
    this.#isFollowed = true;
    if (!isContinued) this.#startTail(epoch, offset);
    for (const { subscription, from, timer } of this.#waiting.splice(0)) {
      this.#runtime.clear(timer);
      // It may have ended while it waited.
      if (subscription.state === "starting") this.view.subscribe(subscription, from);
    }
  }

  delivered(bytes: Uint8Array, start: number, end: number): void {
    // Copied, because the bytes are a view into the link's buffer, and the turn is not over.
    this.#arrived.push(bytes.slice(start, end));
    if (this.#arrived.length === 1) this.#options.turn.defer(this);
  }

  missed(frame: GapFrame, code?: string): void {
    this.#flush();
    // The owner still has messages before the damaged ones. It announces the damage to subscribers
    // that read on.
    if (code !== "SHARDCAST_MESSAGES_DAMAGED") this.#ownersOldest = frame.last + 1;
    this.#startTail(frame.epoch, frame.last);
  }

  endTurn(): void {
    this.#flush();
  }

  /** The topic has another owner now, which has none of the old owner's messages. */
  leave(): void {
    this.close();
    for (const { subscription } of this.#waiting.splice(0)) {
      this.view.end(subscription, "SHARDCAST_NOT_OWNER");
    }
    this.view.endAll("SHARDCAST_NOT_OWNER");
  }

  close(): void {
    this.#unfollow();
    for (const { timer } of this.#waiting) this.#runtime.clear(timer);
  }

  get #runtime(): Runtime {
    return this.#options.context.runtime;
  }

  /** The last offset received, whether or not it is in the tail yet. */
  get #receivedHead(): number {
    return this.#tail.head + this.#arrived.length;
  }

  #flush(): void {
    const arrived = this.#arrived;
    if (arrived.length === 0) return;
    this.#arrived = [];
    const batch = Batch.fromFrames(Buffer.concat(arrived), this.view.id);
    if (batch === undefined) return;
    this.#tail.append(batch);
    this.view.deliver(batch);
  }

  /** Starts a new tail: in a new epoch, or after messages that are gone. */
  #startTail(epoch: string, head: number): void {
    const isSame = epoch === this.#tail.epoch && head === this.#tail.head;
    if (isSame) return;
    const before = this.#tail;
    this.#tail = new MemoryTopicLog(epoch, this.#options.tail, undefined, head);
    this.view.logReplaced({ epoch: before.epoch, offset: before.head });
  }

  /** Only the owner knows what it has trimmed since this node subscribed. */
  async #askOwner(from: From): Promise<number> {
    const page = await this.#readPage(from, 1);
    this.#ownersOldest = page.oldest;
    // The answer may be in a new epoch, where the requested position has no meaning.
    const isPosition = from.type === "position" && from.position.epoch === this.epoch;
    return isPosition ? from.position.offset : page.position.offset;
  }

  async #readFromOwner(after: number, limitBytes: number): Promise<Page | undefined> {
    const { epoch } = this;
    const from: From = { type: "position", position: { epoch, offset: after } };
    const page = await this.#readPage(from, limitBytes);
    // The answer is in a new epoch, where the subscribers continue.
    if (this.epoch !== epoch) return undefined;
    const { oldest, frames } = page;
    const { offset } = page.position;
    // Messages that the page skips, and that are not trimmed, are damaged.
    if (offset > after && offset >= oldest) {
      this.#ownersOldest = oldest;
      return new Damage(Math.max(after + 1, oldest), offset);
    }
    // If the owner has no such messages, only the tail may have later ones.
    this.#ownersOldest = frames.length === 0 ? this.#tail.oldest : oldest;
    return Batch.fromFrames(frames, this.view.id);
  }

  async #readPage(from: From, limitBytes: number): Promise<SourcePage> {
    const page = await this.#options.source.read(this.topicName, from, limitBytes);
    if (page.position.epoch === this.epoch) return page;
    throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE", "the topic has got another epoch");
  }
}
