// Reads some of a topic's messages, once: a subscription that ends when it has enough, whoever owns the topic
// and wherever it is kept.
import {
  ShardcastError,
  formatPosition,
  isErrorCode,
  type ErrorCode,
  type Frame,
  type From,
  type GapFrame,
  type SubscribedFrame,
} from "@shardcast/protocol";
import type { SharedFrames } from "@shardcast/protocol/websocket";
import type { FrameSink, LinkAccess } from "@shardcast/server";
import type { SubscriberHandler } from "../links/subscriber-handler.ts";
import { messagesOf, type MessageJson } from "./message-json.ts";

const TIMEOUT_MS = 10_000;
/** Of the messages as JSON. */
const MAX_BYTES = 1024 * 1024;
const SUB = 0;

export interface Page {
  readonly messages: readonly MessageJson[];
  /** Of the last message, or of the place where there is none: where the next page begins. */
  readonly position: string;
  readonly head: string;
  readonly oldest: string;
  /** Messages that were asked for and cannot be had; with a code where they are damaged. */
  readonly gap?: { readonly first: number; readonly last: number; readonly code?: string };
}

export interface PageRequest {
  readonly topic: string;
  readonly from: From;
  readonly limit: number;
  readonly access: LinkAccess | undefined;
}

/** @throws the code that the subscription is refused with, SHARDCAST_OWNER_UNAVAILABLE */
export function readPage(handler: SubscriberHandler, request: PageRequest): Promise<Page> {
  return new Promise((resolve, reject) => {
    const sink = new PageSink(request, (result) => {
      clearTimeout(timer);
      handler.closed(sink);
      if (result instanceof ShardcastError) reject(result);
      else resolve(result);
    });
    const timer = setTimeout(() => sink.close("SHARDCAST_OWNER_UNAVAILABLE"), TIMEOUT_MS);
    handler.subscribe(sink, SUB, request.topic, request.from);
  });
}

class PageSink implements FrameSink {
  readonly access: LinkAccess | undefined;
  readonly isCongested = false;
  isOpen = true;
  readonly #limit: number;
  readonly #done: (result: Page | ShardcastError) => void;
  readonly #messages: MessageJson[] = [];
  #subscribed: SubscribedFrame | undefined;
  #epoch = "";
  #offset = 0;
  #bytes = 0;
  #gap: Page["gap"];
  /** Why the next gap is one. */
  #cause: string | undefined;

  constructor({ access, limit }: PageRequest, done: (result: Page | ShardcastError) => void) {
    this.access = access;
    this.#limit = limit;
    this.#done = done;
  }

  send(frame: Frame): void {
    switch (frame.type) {
      case "subscribed":
        this.#subscribed = frame;
        this.#epoch = frame.position.epoch;
        this.#offset = frame.position.offset;
        // A gap follows at once, or not at all.
        queueMicrotask(() => this.#finishIfEnough());
        return;
      case "cause":
        this.#cause = frame.code;
        return;
      case "gap":
        this.#missed(frame);
        return;
      case "unsubscribed":
        if (frame.code === "") return;
        this.close(isErrorCode(frame.code) ? frame.code : "SHARDCAST_INTERNAL");
        return;
      default:
    }
  }

  sendShared(shared: SharedFrames): void {
    if (!this.isOpen) return;
    for (const message of messagesOf(shared.frames, this.#epoch)) {
      const bytes = Buffer.byteLength(JSON.stringify(message));
      // At least one goes, however large it is.
      if (this.#messages.length > 0 && this.#bytes + bytes > MAX_BYTES) {
        this.#finish();
        return;
      }
      this.#bytes += bytes;
      this.#offset += 1;
      this.#messages.push(message);
      if (this.#messages.length >= this.#limit) break;
    }
    this.#finishIfEnough();
  }

  close(code: ErrorCode): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.#done(new ShardcastError(code));
  }

  /** A gap is told at the beginning of a page: where there is something before it, the page ends. */
  #missed({ epoch, first, last }: GapFrame): void {
    if (!this.isOpen) return;
    if (this.#messages.length > 0 || this.#gap !== undefined) {
      this.#finish();
      return;
    }
    const code = this.#cause;
    this.#cause = undefined;
    if (last >= first) this.#gap = { first, last, ...(code === undefined ? {} : { code }) };
    this.#epoch = epoch;
    this.#offset = last;
    queueMicrotask(() => this.#finishIfEnough());
  }

  #finishIfEnough(): void {
    if (this.#subscribed === undefined) return;
    if (this.#messages.length >= this.#limit || this.#offset >= this.#subscribed.head)
      this.#finish();
  }

  #finish(): void {
    const subscribed = this.#subscribed;
    if (!this.isOpen || subscribed === undefined) return;
    this.isOpen = false;
    const epoch = this.#epoch;
    const messages = this.#messages;
    const position = messages.at(-1)?.position ?? formatPosition({ epoch, offset: this.#offset });
    this.#done({
      messages,
      position,
      head: formatPosition({ epoch, offset: Math.max(subscribed.head, this.#offset) }),
      oldest: formatPosition({ epoch, offset: subscribed.oldest }),
      ...(this.#gap === undefined ? {} : { gap: this.#gap }),
    });
  }
}
