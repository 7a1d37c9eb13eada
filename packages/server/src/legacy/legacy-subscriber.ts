// A subscriber's link of the original protocol: /subscribe/:topic, and more topics by {"t":"s"} and
// {"t":"u"}. Subscriptions start at the current message only, and the protocol cannot announce
// gaps.
import {
  ShardcastError,
  isErrorCode,
  readMessageTopicId,
  type Frame,
  type From,
  type LegacyFrame,
  type SubscribedFrame,
  type UnsubscribedFrame,
  type CloseReason,
} from "@shardcast/protocol";
import type { FrameSink } from "../link/frame-sink.ts";
import type { LegacyLink, LegacyRole } from "./legacy-link.ts";
import type { LegacyTexts } from "./legacy-texts.ts";
import type { SharedFrames } from "@shardcast/protocol/websocket";

/**
 * On a relay, the node first subscribes at the owner. Clients of the original queue give up after
 * 500 ms without an answer.
 */
const LIVE_TIMEOUT_MS = 400;
const LIVE: From = { type: "live" };
const FIRST_SUB = 0;

/** The consumer's subscriptions, by the numbers that the link gives them. */
export interface LegacySubscriptions {
  subscribe(sink: FrameSink, sub: number, topic: string, from: From): void;
  unsubscribe(sink: FrameSink, sub: number): void;
  writable(sink: FrameSink): void;
  closed(sink: FrameSink): void;
}

export interface LegacySubscriberOptions {
  /** The topic in the request path. */
  readonly topic: string | undefined;
  readonly subscriptions: LegacySubscriptions;
  readonly texts: LegacyTexts;
}

interface LegacySubscription {
  readonly topic: string;
  /** The node's number for the topic; undefined until the subscription is confirmed. */
  topicId: number | undefined;
}

export class LegacySubscriber implements LegacyRole, FrameSink {
  /** Undefined: a client that knows the pre-shared key may do everything. */
  readonly access = undefined;
  readonly #link: LegacyLink;
  readonly #options: LegacySubscriberOptions;
  readonly #followed = new Map<number, LegacySubscription>();
  /** Topics by the node's numbers. */
  readonly #topics = new Map<number, string>();
  #nextSub = FIRST_SUB;
  #liveTimer: NodeJS.Timeout | undefined;

  constructor(link: LegacyLink, options: LegacySubscriberOptions) {
    this.#link = link;
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  get isCongested(): boolean {
    return this.#link.isCongested;
  }

  opened(): void {
    const { topic } = this.#options;
    if (topic === undefined) {
      this.#link.ready();
      return;
    }
    this.#subscribe(topic);
    const isWaiting = this.#followed.get(FIRST_SUB)?.topicId === undefined;
    if (isWaiting && this.#link.isOpen) {
      this.#liveTimer = setTimeout(() => this.#ready(), LIVE_TIMEOUT_MS);
    }
  }

  received(frame: LegacyFrame): void {
    switch (frame.type) {
      case "subscribe":
        if (this.#subOf(frame.topic) === undefined) this.#subscribe(frame.topic);
        return;
      case "unsubscribe": {
        const sub = this.#subOf(frame.topic);
        if (sub === undefined) return;
        this.#forget(sub);
        this.#options.subscriptions.unsubscribe(this, sub);
        return;
      }
      case "challenge":
      case "answer":
      case "message":
        throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED");
    }
  }

  /**
   * Handles frames about subscriptions. The original protocol has frames for messages only, so
   * nothing is sent.
   */
  send(frame: Frame): void {
    if (frame.type === "subscribed") this.#subscribed(frame);
    else if (frame.type === "unsubscribed") this.#unsubscribed(frame);
  }

  sendShared(shared: SharedFrames): void {
    const { texts } = this.#options;
    const topic = this.#topics.get(readMessageTopicId(shared.frames, 0));
    // Close the link instead of throwing, which would cost the topic's other subscribers their
    // messages.
    if (topic === undefined) this.#link.close("SHARDCAST_INTERNAL");
    else this.#link.write(texts.of(shared, topic));
  }

  close(reason: CloseReason): void {
    this.#link.close(reason);
  }

  writable(): void {
    this.#options.subscriptions.writable(this);
  }

  closed(): void {
    clearTimeout(this.#liveTimer);
    this.#options.subscriptions.closed(this);
  }

  #subscribe(topic: string): void {
    const sub = this.#nextSub;
    this.#nextSub += 1;
    this.#followed.set(sub, { topic, topicId: undefined });
    this.#options.subscriptions.subscribe(this, sub, topic, LIVE);
  }

  #subscribed({ sub, topicId }: SubscribedFrame): void {
    const followed = this.#followed.get(sub);
    if (followed !== undefined) {
      followed.topicId = topicId;
      this.#topics.set(topicId, followed.topic);
    }
    if (sub === FIRST_SUB) this.#ready();
  }

  /**
   * A subscription was refused, or ended by the node. The original protocol has no frame for that,
   * so the link is closed.
   */
  #unsubscribed({ sub, code }: UnsubscribedFrame): void {
    this.#forget(sub);
    if (code === "") return;
    // Answer the handshake first: the client's key is right, only the topic is refused.
    this.#ready();
    this.#link.close(isErrorCode(code) ? code : "SHARDCAST_INTERNAL");
  }

  #ready(): void {
    clearTimeout(this.#liveTimer);
    this.#link.ready();
  }

  #subOf(topic: string): number | undefined {
    for (const [sub, followed] of this.#followed) if (followed.topic === topic) return sub;
    return undefined;
  }

  #forget(sub: number): void {
    const topicId = this.#followed.get(sub)?.topicId;
    if (topicId !== undefined) this.#topics.delete(topicId);
    this.#followed.delete(sub);
  }
}
