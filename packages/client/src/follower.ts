// One topic followed over as many links as it takes: knows how far it is, takes every message once and in
// order, and announces what cannot be had.
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
import { refusalOf } from "./refusal.ts";
import type { Runtime } from "./runtime.ts";
import { isStable } from "./stable.ts";

/** What a follower needs of its client. */
export interface FollowerHost {
  readonly settings: Pick<Settings, "reconnect" | "subscriptionBufferBytes">;
  readonly runtime: Pick<Runtime, "now" | "after" | "random">;
  /** Puts it on a connection that can carry it. */
  readonly place: (follower: Follower) => void;
  readonly ended: (follower: Follower) => void;
  /** A node has said that the topic is not its own. */
  readonly misrouted: () => void;
}

/** What carries it: the followers of one connection. */
export interface Carrier {
  /** Asks or stops asking for messages, as `wantsMessages` says. */
  update(follower: Follower): void;
  remove(follower: Follower): void;
}

export interface FollowerOptions {
  readonly topic: string;
  readonly from: From;
  readonly gaps: "event" | "error";
}

export class Follower {
  readonly topic: string;
  readonly inbox: Inbox;
  /** Resolves when a node has said for the first time that the subscription stands; rejects at an end before. */
  readonly ready: Promise<void>;
  /** Set by the carrier itself. */
  carrier: Carrier | undefined;
  readonly #host: FollowerHost;
  readonly #options: FollowerOptions;
  /** How far it is; unknown before a node has told it. */
  #epoch: string | undefined;
  #offset = 0;
  #refusalCount = 0;
  /** When a node has said so last. */
  #subscribedAt = Infinity;
  #cancelRetry: (() => void) | undefined;
  #isEnded = false;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: ShardcastError) => void = () => undefined;

  constructor(options: FollowerOptions, host: FollowerHost) {
    this.topic = options.topic;
    this.#options = options;
    this.#host = host;
    this.inbox = new Inbox(host.settings.subscriptionBufferBytes, () => this.carrier?.update(this));
    if (options.from.type === "position") this.#moveTo(options.from.position);
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Who does not wait for it need not handle its end.
    this.ready.catch(() => undefined);
  }

  /** How far it is. */
  get position(): Position | undefined {
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, offset: this.#offset };
  }

  /** Where the next link has to go on. */
  get from(): From {
    const { position } = this;
    return position === undefined ? this.#options.from : { type: "position", position };
  }

  get wantsMessages(): boolean {
    return !this.#isEnded && !this.inbox.isFull;
  }

  subscribed({ position, head, oldest, recovered }: SubscribedFrame): void {
    this.#subscribedAt = this.#host.runtime.now();
    // A topic that had no messages has its epoch by the first of them.
    const isBorn = recovered && this.#offset === 0 && position.offset === 0;
    if (this.#epoch === undefined || isBorn) this.#moveTo(position);
    this.#resolveReady();
    const event = { position: formatPosition(position), head, oldest, recovered };
    this.inbox.events.emit("subscribed", event);
  }

  received(frame: MessageFrame): void {
    if (this.#epoch === undefined || frame.offset <= this.#offset) return;
    const next = this.#offset + 1;
    // A node announces what it leaves out. Should one not, nothing is lost in silence all the same.
    if (frame.offset > next) {
      this.#miss({ epoch: this.#epoch, first: next, last: frame.offset - 1 });
      // A listener, or the option, may have ended it.
      if (this.#isEnded) return;
    }
    this.#offset = frame.offset;
    this.inbox.give(new Message(this.topic, this.#epoch, frame));
  }

  missed({ epoch, first, last }: GapFrame, code?: string): void {
    // A gap that lies behind was announced before.
    if (epoch === this.#epoch && last <= this.#offset) return;
    this.#miss({ epoch, first, last, ...(code === undefined ? {} : { code }) });
  }

  /** A node ended the subscription, or would not begin it. */
  refused(frame: { readonly code: string; readonly reason: string }): void {
    const { settings, runtime, place, misrouted } = this.#host;
    // Another connection has room for the topic: to have too many is the fault of this one.
    if (frame.code !== "" && frame.code !== "SHARDCAST_TOPICS_LIMIT") {
      const { error, isFinal } = refusalOf(frame);
      if (isFinal) {
        this.end(error);
        return;
      }
      if (error.code === "SHARDCAST_NOT_OWNER") misrouted();
    }
    const livedMs = runtime.now() - this.#subscribedAt;
    this.#subscribedAt = Infinity;
    if (isStable(livedMs, settings.reconnect)) this.#refusalCount = 0;
    const waitMs = backoffMs(settings.reconnect, this.#refusalCount, runtime.random());
    this.#refusalCount += 1;
    this.#cancelRetry = runtime.after(waitMs, () => place(this));
  }

  /** The end, by its reader (no error) or by what went wrong. */
  end(error: ShardcastError | undefined): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#cancelRetry?.();
    this.carrier?.remove(this);
    this.#host.ended(this);
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
    const what = isNewEpoch ? "its log began anew" : `messages ${first} to ${last} are ${state}`;
    this.end(new ShardcastError("SHARDCAST_GAP", `${this.topic}: ${what}`));
  }
}
