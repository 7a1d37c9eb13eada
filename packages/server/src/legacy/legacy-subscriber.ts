// A link of the original protocol that follows topics: /subscribe/:topic, and further ones by
// {"t":"s"} and {"t":"u"}. From now on only; of gaps the original has no word.
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

/** On a relay the owner is asked first. Clients of the original give up after 500 ms without an answer. */
const LIVE_TIMEOUT_MS = 400;
const LIVE: From = { type: "live" };
const FIRST_SUB = 0;

/** The consumer's subscriptions, by the link's own numbers. */
export interface LegacySubscriptions {
  subscribe(sink: FrameSink, sub: number, topic: string, from: From): void;
  unsubscribe(sink: FrameSink, sub: number): void;
  writable(sink: FrameSink): void;
  closed(sink: FrameSink): void;
}

export interface LegacySubscriberOptions {
  /** The topic that the path names. */
  readonly topic: string | undefined;
  readonly subscriptions: LegacySubscriptions;
  readonly texts: LegacyTexts;
}

interface Followed {
  readonly topic: string;
  /** The node's number for the topic, known when the subscription stands. */
  topicId: number | undefined;
}

export class LegacySubscriber implements LegacyRole, FrameSink {
  /** Who knows the key may do all. */
  readonly access = undefined;
  readonly #link: LegacyLink;
  readonly #options: LegacySubscriberOptions;
  readonly #followed = new Map<number, Followed>();
  /** By the node's number. */
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

  /** Of what a subscription is told, the original knows only the messages. */
  send(frame: Frame): void {
    if (frame.type === "subscribed") this.#subscribed(frame);
    else if (frame.type === "unsubscribed") this.#unsubscribed(frame);
  }

  sendShared(shared: SharedFrames): void {
    const { texts } = this.#options;
    const topic = this.#topics.get(readMessageTopicId(shared.frames, 0));
    // Thrown, it would cost the topic's other subscribers their messages.
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

  /** Refused, or ended by the node: the original has no frame for it, so the link ends. */
  #unsubscribed({ sub, code }: UnsubscribedFrame): void {
    this.#forget(sub);
    if (code === "") return;
    // The client has proved itself, and is told so: it is the topic that is wrong.
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
