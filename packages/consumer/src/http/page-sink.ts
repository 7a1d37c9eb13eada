// Reads one page of a topic's messages: a subscription that ends when it has enough. It works for
// any owner of the topic, and any log.
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
/** The most bytes of a page's messages, as JSON. */
const MAX_BYTES = 1024 * 1024;
const SUB = 0;

export interface MessagesPage {
  readonly messages: readonly MessageJson[];
  /**
   * The position of the last message or, without messages, the start position. The next page begins
   * after it.
   */
  readonly position: string;
  readonly head: string;
  readonly oldest: string;
  /** Offsets of messages that are gone; with a code if they are damaged. */
  readonly gap?: { readonly first: number; readonly last: number; readonly code?: string };
}

export interface PageRequest {
  readonly topic: string;
  readonly from: From;
  readonly limit: number;
  readonly access: LinkAccess | undefined;
}

/**
 * Reads one page. @throws the code with which the subscription is refused,
 * SHARDCAST_OWNER_UNAVAILABLE
 */
export function readPage(handler: SubscriberHandler, request: PageRequest): Promise<MessagesPage> {
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
  readonly #done: (result: MessagesPage | ShardcastError) => void;
  readonly #messages: MessageJson[] = [];
  #subscribed: SubscribedFrame | undefined;
  #epoch = "";
  #offset = 0;
  #bytes = 0;
  #gap: MessagesPage["gap"];
  /** The cause of the next gap. */
  #cause: string | undefined;

  constructor(
    { access, limit }: PageRequest,
    done: (result: MessagesPage | ShardcastError) => void,
  ) {
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
        // If there is a gap, its frame follows in the same turn.
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
      // A page has at least one message, even one that exceeds MAX_BYTES.
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

  /**
   * A page reports a gap only at its beginning: if the page has messages before the gap, it ends
   * there.
   */
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
