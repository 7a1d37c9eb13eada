// Follows one topic over one link after another: keeps the position, delivers every message once and in order, and
// reports messages that are unavailable.
import {
  ShardcastError,
  backoffMs,
  formatPosition,
  type From,
  type GapFrame,
  type MessageFrame,
  type Position,
  type SubscribedFrame,
} from "@shardcast/protocol";
import { Inbox, type Gap } from "./inbox.ts";
import { Message } from "./message.ts";
import type { Settings } from "./options.ts";
import { nodeRefusalOf } from "./node-refusal.ts";
import type { Runtime } from "./runtime.ts";
import { isStable } from "./stable.ts";

/** The client, as far as a follower uses it. */
export interface TopicFollowerHost {
  readonly settings: Pick<Settings, "reconnect" | "subscriptionBufferBytes">;
  readonly runtime: Pick<Runtime, "now" | "after" | "random">;
  /** Moves the follower to a connection with room for it. */
  readonly place: (follower: TopicFollower) => void;
  readonly onEnd: (follower: TopicFollower) => void;
  /** A node answered that it does not own the topic. */
  readonly onMisrouted: () => void;
}

/** The followers of one connection. */
export interface Carrier {
  /** Subscribes or unsubscribes, depending on `wantsMessages`. */
  update(follower: TopicFollower): void;
  remove(follower: TopicFollower): void;
}

export interface TopicFollowerOptions {
  readonly topic: string;
  readonly from: From;
  readonly gaps: "event" | "error";
}

export class TopicFollower {
  readonly topic: string;
  readonly inbox: Inbox;
  /** Resolves when a node has confirmed the subscription for the first time. Rejects if it ends before. */
  readonly ready: Promise<void>;
  /** Set by the carrier. */
  carrier: Carrier | undefined;
  readonly #host: TopicFollowerHost;
  readonly #options: TopicFollowerOptions;
  /** The epoch of the current position; undefined until a node has reported it. */
  #epoch: string | undefined;
  #offset = 0;
  #refusalCount = 0;
  /** When a node last confirmed the subscription, by `runtime.now`. */
  #subscribedAt = Infinity;
  #cancelRetry: (() => void) | undefined;
  #isEnded = false;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: ShardcastError) => void = () => undefined;

  constructor(options: TopicFollowerOptions, host: TopicFollowerHost) {
    this.topic = options.topic;
    this.#options = options;
    this.#host = host;
    this.inbox = new Inbox(host.settings.subscriptionBufferBytes, () => this.carrier?.update(this));
    if (options.from.type === "position") this.#moveTo(options.from.position);
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // An application that does not await `ready` need not handle its rejection.
    this.ready.catch(() => undefined);
  }

  /** The position of the last received message. */
  get position(): Position | undefined {
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, offset: this.#offset };
  }

  /** Where the next link must resume. */
  get from(): From {
    const { position } = this;
    return position === undefined ? this.#options.from : { type: "position", position };
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  get wantsMessages(): boolean {
    return !this.#isEnded && !this.inbox.isFull;
  }

  subscribed({ position, head, oldest, recovered }: SubscribedFrame): void {
    this.#subscribedAt = this.#host.runtime.now();
    // A topic without messages gets its epoch with its first message.
    const isBorn = recovered && this.#offset === 0 && position.offset === 0;
    if (this.#epoch === undefined || isBorn) this.#moveTo(position);
    this.#resolveReady();
    const event = { position: formatPosition(position), head, oldest, recovered };
    this.inbox.events.emit("subscribed", event);
  }

  received(frame: MessageFrame): void {
    if (this.#epoch === undefined || frame.offset <= this.#offset) return;
    const next = this.#offset + 1;
    // Nodes announce missing messages. If one does not, the follower still reports the gap.
    if (frame.offset > next) {
      this.#miss({ epoch: this.#epoch, first: next, last: frame.offset - 1 });
      // A listener or the option `gaps` may have ended the follower.
      if (this.#isEnded) return;
    }
    this.#offset = frame.offset;
    this.inbox.give(new Message(this.topic, this.#epoch, frame));
  }

  missed({ epoch, first, last }: GapFrame, code?: string): void {
    // A gap before the current position was reported earlier.
    if (epoch === this.#epoch && last <= this.#offset) return;
    this.#miss({ epoch, first, last, ...(code === undefined ? {} : { code }) });
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

  /** Ends the follower: by its reader (no error), or because of an error. */
  end(error: ShardcastError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelRetry?.();
    this.carrier?.remove(this);
    this.#host.onEnd(this);
    this.#rejectReady(
      error ?? new ShardcastError("SHARDCAST_CLOSED", "the subscription is closed"),
    );
    this.inbox.end(error);
  }

  #moveTo({ epoch, offset }: Position): void {
    this.#epoch = epoch;
    this.#offset = offset;
  }

  #miss(gap: Omit<Gap, "isNewEpoch">): void {
    const { epoch, first, last, code } = gap;
    const isNewEpoch = epoch !== this.#epoch;
    this.#moveTo({ epoch, offset: last });
    this.inbox.events.emit("gap", { ...gap, isNewEpoch });
    if (this.#options.gaps === "event") return;
    const state = code === "SHARDCAST_MESSAGES_DAMAGED" ? "damaged" : "gone";
    const what = isNewEpoch ? "its log started over" : `messages ${first} to ${last} are ${state}`;
    this.end(new ShardcastError("SHARDCAST_GAP", `${this.topic}: ${what}`));
  }
}
