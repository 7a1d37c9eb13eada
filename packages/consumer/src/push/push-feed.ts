// Subscribes to the topic $push from its beginning, and subscribes again after errors and changes
// of its owner.
import { decodeFrames, decodeText, type Frame } from "@shardcast/protocol";
import type { SharedFrames } from "@shardcast/protocol/websocket";
import type { FrameSink } from "@shardcast/server";
import { LinkSubscriptions } from "../fan-out/link-subscriptions.ts";
import { Subscription } from "../fan-out/subscription.ts";
import type { Topics } from "../topics/topics.ts";
import { PUSH_TOPIC } from "./push-topic.ts";

const RETRY_MS = 500;
const SUB = 0;

export interface PushFeedOptions {
  readonly topics: Topics;
  /** The topic's messages follow from the beginning, perhaps not for the first time. */
  readonly onBegin: () => void;
  readonly onMessage: (text: string, offset: number) => void;
  /** All messages up to the head were passed on. */
  readonly onCaughtUp: () => void;
}

export class PushFeed implements FrameSink {
  readonly access = undefined;
  readonly isCongested = false;
  isOpen = true;
  readonly #options: PushFeedOptions;
  #subscription: Subscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #epoch = "";
  #head = 0;
  #isCaughtUp = false;

  constructor(options: PushFeedOptions) {
    this.#options = options;
  }

  /** Subscribes to the topic, unless it is subscribed. */
  start(): void {
    if (this.#subscription !== undefined || !this.isOpen) return;
    clearTimeout(this.#timer);
    try {
      this.#follow();
    } catch {
      this.#startLater();
    }
  }

  send(frame: Frame): void {
    switch (frame.type) {
      case "subscribed":
        this.#epoch = frame.position.epoch;
        this.#head = frame.head;
        this.#isCaughtUp = false;
        this.#options.onBegin();
        // If there is a gap, its frame follows in the same turn.
        queueMicrotask(() => this.#reached(frame.position.offset));
        return;
      case "gap":
        // After a new epoch, messages from its beginning may be missing, so subscribe again.
        if (frame.epoch === this.#epoch) this.#reached(frame.last);
        else queueMicrotask(() => this.#stop());
        return;
      case "unsubscribed":
        this.#subscription = undefined;
        this.#startLater();
        return;
      default:
    }
  }

  sendShared(shared: SharedFrames): void {
    for (const frame of decodeFrames(shared.frames)) {
      if (frame.type !== "message") continue;
      const { payload, offset } = frame;
      this.#options.onMessage(decodeText(payload, 0, payload.length) ?? "", offset);
      this.#reached(offset);
    }
  }

  close(): void {
    this.isOpen = false;
    clearTimeout(this.#timer);
    this.#stop();
  }

  /** @throws SHARDCAST_OWNER_UNAVAILABLE */
  #follow(): void {
    const source = this.#options.topics.served(PUSH_TOPIC);
    const link = new LinkSubscriptions();
    const subscription = new Subscription(this, SUB, source.view, link);
    link.add(subscription);
    this.#subscription = subscription;
    source.subscribe(subscription, { type: "earliest" });
  }

  #startLater(): void {
    clearTimeout(this.#timer);
    if (this.isOpen) this.#timer = setTimeout(() => this.start(), RETRY_MS).unref();
  }

  #stop(): void {
    const subscription = this.#subscription;
    subscription?.view.end(subscription);
  }

  #reached(offset: number): void {
    if (this.#isCaughtUp || offset < this.#head || this.#subscription === undefined) return;
    this.#isCaughtUp = true;
    this.#options.onCaughtUp();
  }
}
