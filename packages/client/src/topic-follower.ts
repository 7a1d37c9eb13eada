// Follows one topic for all its readers, with one subscription over one link after another.
//
//   reader ─▶ attached ──── receives what the subscription brings
//      ▲         │
//      │         ▼ its buffer is full
//      └──── detached ───── catches up by reads, until it is where the subscription is
//
// The subscription exists while a reader is attached. The first reader to attach determines where it starts.
import {
  backoffMs,
  type From,
  type GapFrame,
  type MessageFrame,
  type Position,
  type ShardcastError,
  type SubscribedFrame,
} from "@shardcast/protocol";
import { Message } from "./message.ts";
import { nodeRefusalOf } from "./node-refusal.ts";
import type { Settings } from "./options.ts";
import type { Runtime } from "./runtime.ts";
import { isStable } from "./stable.ts";

/** The client, as far as a follower uses it. */
export interface TopicFollowerHost {
  readonly settings: Pick<Settings, "reconnect">;
  readonly runtime: Pick<Runtime, "now" | "after" | "random">;
  /** Moves the follower to a connection with room for it. */
  readonly place: (follower: TopicFollower) => void;
  readonly onEnd: (follower: TopicFollower) => void;
  /** A node answered that it does not own the topic. */
  readonly onMisrouted: () => void;
}

/** Reads the topic for one subscription. */
export interface FollowingReader {
  /** The position of the last message that it has; undefined until a node has reported one. */
  readonly position: Position | undefined;
  /** Where it continues. */
  readonly from: From;
  subscribed(frame: SubscribedFrame, recovered: boolean): void;
  received(message: Message): void;
  missed(gap: Pick<GapFrame, "epoch" | "first" | "last">, code?: string): void;
  end(error: ShardcastError | undefined): void;
}

/** The followers of one connection. */
export interface Carrier {
  /** Subscribes or unsubscribes, depending on `wantsMessages`. */
  update(follower: TopicFollower): void;
  remove(follower: TopicFollower): void;
}

const LIVE: From = { type: "live" };

export class TopicFollower {
  readonly topic: string;
  /** Set by the carrier. */
  carrier: Carrier | undefined;
  readonly #host: TopicFollowerHost;
  readonly #readers = new Set<FollowingReader>();
  readonly #attached = new Set<FollowingReader>();
  /** Where the subscription starts, as long as it has no position. */
  #start = LIVE;
  /** The position of the last received message; its epoch is undefined until a node has reported it. */
  #epoch: string | undefined;
  #offset = 0;
  /** The last confirmation of the subscription by a node; undefined before the first, and without a subscription. */
  #subscribed: SubscribedFrame | undefined;
  #refusalCount = 0;
  /** When a node last confirmed the subscription, by `runtime.now`. */
  #subscribedAt = Infinity;
  #cancelRetry: (() => void) | undefined;
  #isEnded = false;

  constructor(topic: string, host: TopicFollowerHost) {
    this.topic = topic;
    this.#host = host;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The position of the last received message. */
  get position(): Position | undefined {
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, offset: this.#offset };
  }

  /** Where the next link must resume. */
  get from(): From {
    const { position } = this;
    return position === undefined ? this.#start : { type: "position", position };
  }

  get wantsMessages(): boolean {
    return !this.#isEnded && this.#attached.size > 0;
  }

  /** Whether everything that was stored when a node confirmed the subscription has arrived. */
  get isLive(): boolean {
    return this.#subscribed !== undefined && this.#offset >= this.#subscribed.head;
  }

  /** The last confirmation of the subscription. */
  get subscribedFrame(): SubscribedFrame | undefined {
    return this.#subscribed;
  }

  add(reader: FollowingReader): void {
    this.#readers.add(reader);
  }

  remove(reader: FollowingReader): void {
    if (!this.#readers.delete(reader)) return;
    this.detach(reader);
    if (this.#readers.size === 0) this.end(undefined);
  }

  /**
   * Attaches a reader, if the subscription brings everything that the reader needs next.
   * @returns whether it is attached
   */
  attach(reader: FollowingReader): boolean {
    if (this.#attached.size === 0) {
      this.#start = reader.from;
      this.#moveTo(reader.position);
      this.#subscribed = undefined;
    } else if (!this.#brings(reader)) return false;
    this.#attached.add(reader);
    this.carrier?.update(this);
    return true;
  }

  detach(reader: FollowingReader): void {
    if (this.#attached.delete(reader)) this.carrier?.update(this);
  }

  subscribed(frame: SubscribedFrame): void {
    this.#subscribed = frame;
    this.#subscribedAt = this.#host.runtime.now();
    const { position, recovered } = frame;
    // A topic without messages gets its epoch with its first message.
    const isBorn = recovered && this.#offset === 0 && position.offset === 0;
    if (this.#epoch === undefined || isBorn) this.#moveTo(position);
    for (const reader of this.#attached) reader.subscribed(frame, recovered);
  }

  received(frame: MessageFrame): void {
    if (this.#epoch === undefined || frame.offset <= this.#offset) return;
    const next = this.#offset + 1;
    // Nodes announce missing messages. If one does not, the readers still learn of the gap.
    if (frame.offset > next) {
      this.missed({ epoch: this.#epoch, first: next, last: frame.offset - 1 });
    }
    this.#offset = frame.offset;
    const message = new Message(this.topic, this.#epoch, frame);
    for (const reader of this.#attached) reader.received(message);
  }

  missed(gap: Pick<GapFrame, "epoch" | "first" | "last">, code?: string): void {
    const { epoch, last: offset } = gap;
    // A gap before the current position was reported earlier.
    if (epoch === this.#epoch && offset <= this.#offset) return;
    this.#moveTo({ epoch, offset });
    for (const reader of this.#attached) reader.missed(gap, code);
  }

  /** A node ended or refused the subscription. */
  refused(frame: { readonly code: string; readonly reason: string }): void {
    const { settings, runtime, place, onMisrouted } = this.#host;
    // The topics limit applies to one connection; another connection has room for the topic.
    if (frame.code !== "" && frame.code !== "SHARDCAST_TOPICS_LIMIT") {
      const { error, isFinal } = nodeRefusalOf(frame);
      if (isFinal) {
        this.end(error);
        return;
      }
      if (error.code === "SHARDCAST_NOT_OWNER") onMisrouted();
    }
    const livedMs = runtime.now() - this.#subscribedAt;
    this.#subscribedAt = Infinity;
    if (isStable(livedMs, settings.reconnect)) this.#refusalCount = 0;
    const waitMs = backoffMs(settings.reconnect, this.#refusalCount, runtime.random());
    this.#refusalCount += 1;
    this.#cancelRetry = runtime.after(waitMs, () => place(this));
  }

  /** Ends the follower with all its readers: because the last one has left (no error), or because of an error. */
  end(error: ShardcastError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelRetry?.();
    this.carrier?.remove(this);
    this.#host.onEnd(this);
    for (const reader of [...this.#readers]) reader.end(error);
  }

  /** Whether the subscription brings every message after a reader's position, or from its start. */
  #brings({ position, from }: FollowingReader): boolean {
    const own = this.position;
    if (position !== undefined) {
      return own?.epoch === position.epoch && own.offset <= position.offset;
    }
    if (own === undefined) return isSameStart(from, this.#start);
    return from.type === "live" && this.isLive;
  }

  #moveTo(position: Position | undefined): void {
    this.#epoch = position?.epoch;
    this.#offset = position?.offset ?? 0;
  }
}

function isSameStart(one: From, other: From): boolean {
  return one.type === other.type && JSON.stringify(one) === JSON.stringify(other);
}
