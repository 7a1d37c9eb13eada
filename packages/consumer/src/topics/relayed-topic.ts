// A topic that another node owns, followed there once for all local subscribers. Its newest messages are
// kept here; what is older is read from the owner. docs/architecture.md#relay
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

/** How long a subscriber waits for the owner before it is told that the owner is out of reach. */
const OWNER_TIMEOUT_MS = 5000;

export interface RelayedTopicOptions {
  readonly owner: RingMember;
  readonly source: TopicSource;
  readonly tail: MemoryTopicLogOptions;
  readonly turn: Turn;
  readonly context: FanOutContext;
}

interface Waiting {
  readonly subscription: Subscription;
  readonly from: From;
  readonly timer: Timer;
}

export class RelayedTopic implements Follower, ReadableLog, TurnWork {
  readonly topicName: string;
  readonly view: FanOut;
  readonly #options: RelayedTopicOptions;
  readonly #unfollow: () => void;
  /** The newest messages; made when the owner has told where the topic stands. */
  #tail: MemoryTopicLog;
  /** The first offset that the owner still has, as far as is known here. */
  #ownersOldest = 1;
  #isFollowed = false;
  #waiting: Waiting[] = [];
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

  /** The owner has taken the subscription: for the first time, or again after the link was lost. */
  followed(frame: SubscribedFrame): void {
    this.#flush();
    const { epoch, offset } = frame.position;
    const isContinued = this.#isFollowed && epoch === this.#tail.epoch && frame.recovered;
    this.#ownersOldest = frame.oldest;
    this.#isFollowed = true;
    if (!isContinued) this.#startTail(epoch, offset);
    for (const { subscription, from, timer } of this.#waiting.splice(0)) {
      this.#runtime.clear(timer);
      // It may have been ended while it waited.
      if (subscription.state === "starting") this.view.subscribe(subscription, from);
    }
  }

  delivered(bytes: Uint8Array, start: number, end: number): void {
    // A copy: what comes is a view into the link's buffer, and the turn is not over.
    this.#arrived.push(bytes.slice(start, end));
    if (this.#arrived.length === 1) this.#options.turn.defer(this);
  }

  missed(frame: GapFrame, code?: string): void {
    this.#flush();
    // What lies before damaged messages is still there. Who reads on into them is told so by the owner.
    if (code !== "SHARDCAST_MESSAGES_DAMAGED") this.#ownersOldest = frame.last + 1;
    this.#startTail(frame.epoch, frame.last);
  }

  endTurn(): void {
    this.#flush();
  }

  /** The topic has another owner now, which knows nothing of the old one's messages. */
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

  /** The last offset that came, be it in the tail yet or not. */
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

  /** From here on the tail is another one: of a new epoch, or after messages that cannot be had. */
  #startTail(epoch: string, head: number): void {
    const isSame = epoch === this.#tail.epoch && head === this.#tail.head;
    if (isSame) return;
    const before = this.#tail;
    this.#tail = new MemoryTopicLog(epoch, this.#options.tail, undefined, head);
    this.view.logReplaced({ epoch: before.epoch, offset: before.head });
  }

  /** What the owner has trimmed since this relay was told is known to the owner alone. */
  async #askOwner(from: From): Promise<number> {
    const page = await this.#readPage(from, 1);
    this.#ownersOldest = page.oldest;
    // The answer may have brought a new epoch: what was asked for in the old one says nothing any more.
    const isPosition = from.type === "position" && from.position.epoch === this.epoch;
    return isPosition ? from.position.offset : page.position.offset;
  }

  async #readFromOwner(after: number, limitBytes: number): Promise<Page | undefined> {
    const { epoch } = this;
    const from: From = { type: "position", position: { epoch, offset: after } };
    const page = await this.#readPage(from, limitBytes);
    // The answer has brought a new epoch, and its subscribers go on in that.
    if (this.epoch !== epoch) return undefined;
    const { oldest, frames } = page;
    const { offset } = page.position;
    // What the page goes over, and is not trimmed, is damaged.
    if (offset > after && offset >= oldest) {
      this.#ownersOldest = oldest;
      return new Damage(Math.max(after + 1, oldest), offset);
    }
    // What the owner does not have, only the tail can.
    this.#ownersOldest = frames.length === 0 ? this.#tail.oldest : oldest;
    return Batch.fromFrames(frames, this.view.id);
  }

  async #readPage(from: From, limitBytes: number): Promise<SourcePage> {
    const page = await this.#options.source.read(this.topicName, from, limitBytes);
    if (page.position.epoch === this.epoch) return page;
    throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE", "the topic has got another epoch");
  }
}
