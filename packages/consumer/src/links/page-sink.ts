// Collects one page of a topic's messages: a subscription that ends when it has enough. It works
// for any owner of the topic, and any log.
import {
  ShardcastError,
  isErrorCode,
  type ErrorCode,
  type Frame,
  type From,
  type GapFrame,
  type Position,
  type SubscribedFrame,
} from "@shardcast/protocol";
import type { SharedFrames } from "@shardcast/protocol/websocket";
import type { FrameSink, LinkAccess } from "@shardcast/server";

const TIMEOUT_MS = 10_000;
const SUB = 0;

/** Offsets of messages that are gone; with a code if they are damaged. */
export interface PageGap {
  readonly first: number;
  readonly last: number;
  readonly code?: string;
}

/** Where a collected page lies in its topic. */
export interface PageRange {
  readonly epoch: string;
  /** The page has the messages from the one after `start` up to `end`. */
  readonly start: number;
  readonly end: number;
  readonly head: number;
  readonly oldest: number;
  /** What is gone before the page's first message. */
  readonly gap: PageGap | undefined;
}

/** Subscribes sinks to topics. */
export interface PageSource {
  subscribe(sink: FrameSink, sub: number, topic: string, from: From): void;
  /** Ends the subscriptions of a sink. */
  closed(sink: FrameSink): void;
}

/** The messages of a page. */
export interface PageContent {
  /** Whether it has room for no more. */
  readonly isFull: boolean;
  /** Adds messages of an epoch while there is room. @returns the number of messages added */
  add(frames: Buffer, epoch: string): number;
}

export interface PageRequest {
  readonly topic: string;
  readonly from: From;
  readonly access: LinkAccess | undefined;
}

/**
 * Collects one page. @throws the code with which the subscription is refused,
 * SHARDCAST_OWNER_UNAVAILABLE
 */
export function collectPage(
  source: PageSource,
  { topic, from, access }: PageRequest,
  content: PageContent,
): Promise<PageRange> {
  return new Promise((resolve, reject) => {
    const sink = new PageSink(access, content, (result) => {
      clearTimeout(timer);
      source.closed(sink);
      if (result instanceof ShardcastError) reject(result);
      else resolve(result);
    });
    const timer = setTimeout(() => sink.close("SHARDCAST_OWNER_UNAVAILABLE"), TIMEOUT_MS);
    source.subscribe(sink, SUB, topic, from);
  });
}

class PageSink implements FrameSink {
  readonly access: LinkAccess | undefined;
  readonly isCongested = false;
  isOpen = true;
  readonly #content: PageContent;
  readonly #done: (result: PageRange | ShardcastError) => void;
  #subscribed: SubscribedFrame | undefined;
  #start: Position = { epoch: "", offset: 0 };
  #count = 0;
  #gap: PageGap | undefined;
  /** The cause of the next gap. */
  #cause: string | undefined;

  constructor(
    access: LinkAccess | undefined,
    content: PageContent,
    done: (result: PageRange | ShardcastError) => void,
  ) {
    this.access = access;
    this.#content = content;
    this.#done = done;
  }

  send(frame: Frame): void {
    switch (frame.type) {
      case "subscribed":
        this.#subscribed = frame;
        this.#start = frame.position;
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

  sendShared({ frames }: SharedFrames): void {
    if (!this.isOpen) return;
    this.#count += this.#content.add(frames, this.#start.epoch);
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
    if (this.#count > 0 || this.#gap !== undefined) {
      this.#finish();
      return;
    }
    const code = this.#cause;
    this.#cause = undefined;
    if (last >= first) this.#gap = { first, last, ...(code === undefined ? {} : { code }) };
    this.#start = { epoch, offset: last };
    queueMicrotask(() => this.#finishIfEnough());
  }

  #finishIfEnough(): void {
    if (this.#subscribed === undefined) return;
    const end = this.#start.offset + this.#count;
    if (this.#content.isFull || end >= this.#subscribed.head) this.#finish();
  }

  #finish(): void {
    if (!this.isOpen || this.#subscribed === undefined) return;
    this.isOpen = false;
    const { head, oldest } = this.#subscribed;
    const { epoch, offset: start } = this.#start;
    const end = start + this.#count;
    this.#done({ epoch, start, end, head: Math.max(head, end), oldest, gap: this.#gap });
  }
}
