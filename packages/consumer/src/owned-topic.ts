// A topic that this node owns: numbers what a turn brought, writes it into one batch, and answers the
// publishers when the log has it. docs/architecture.md#append
import {
  MESSAGE_HEAD_BYTES,
  epochToBytes,
  writeMessageHead,
  type AckFields,
  type From,
  type PublishHead,
} from "@shardcast/protocol";
import {
  SharedFrames,
  WEBSOCKET_HEADER_BYTES,
  type FrameSlice,
  type PublishOrigin,
} from "@shardcast/server";
import { Batch } from "./batch.ts";
import { DedupeWindow, type DedupeOptions } from "./dedupe-window.ts";
import type { TopicLog } from "./log.ts";
import type { Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";

/** How long an empty topic keeps its epoch, so that a client that missed nothing is told so. */
const FORGET_AFTER_MS = 24 * 60 * 60 * 1000;

/** A batch is sent and read as a whole: beyond this, what a turn brought becomes several of them. */
const BATCH_BYTES = 1024 * 1024;

/** One publish of this turn. Its content lies between `start` and `end`. */
interface Publish {
  readonly origin: PublishOrigin;
  readonly seq: number;
  readonly messageId: string | undefined;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** What is to be done when the log has a turn's messages. */
export interface Appended {
  readonly topic: OwnedTopic;
  /** In the order of their offsets. */
  readonly batches: readonly Batch[];
  readonly answers: readonly Answer[];
}

interface Answer extends AckFields {
  readonly origin: PublishOrigin;
}

export class OwnedTopic {
  readonly view: Topic;
  readonly log: TopicLog;
  readonly #epoch: Uint8Array;
  readonly #dedupe: DedupeWindow;
  #publishes: Publish[] = [];
  #lastTime = 0;

  constructor(view: Topic, log: TopicLog, dedupe: DedupeOptions) {
    this.view = view;
    this.log = log;
    this.#epoch = epochToBytes(log.epoch);
    this.#dedupe = new DedupeWindow(dedupe);
  }

  /** @returns true where it is the first of this turn */
  enqueue(origin: PublishOrigin, head: PublishHead, frame: FrameSlice): boolean {
    const { seq, messageId, contentStart } = head;
    this.#publishes.push({
      origin,
      seq,
      messageId,
      bytes: frame.bytes,
      start: contentStart,
      end: frame.end,
    });
    return this.#publishes.length === 1;
  }

  subscribe(subscription: Subscription, from: From): void {
    this.view.subscribe(subscription, from);
  }

  /** Appends what the turn brought to the log, as one batch. */
  append(now: number): Appended {
    const publishes = this.#publishes;
    this.#publishes = [];
    // The owner's clock may step back; the times of a topic do not.
    this.#lastTime = Math.max(this.#lastTime, now);
    const first = this.log.head + 1;
    const fresh: Publish[] = [];
    const answers = publishes.map((publish) => this.#number(publish, first, fresh));
    const batches: Batch[] = [];
    for (const part of split(fresh)) {
      const batch = this.#encode(part, this.log.head + 1);
      this.log.append(batch);
      batches.push(batch);
    }
    return { topic: this, batches, answers };
  }

  /** Drops what has had its time; tells whether nothing at all is left of the topic. */
  expire(now: number): boolean {
    this.log.trim(now);
    this.#dedupe.expire(now);
    return (
      this.view.subscriberCount === 0 &&
      this.log.oldest > this.log.head &&
      this.#lastTime < now - FORGET_AFTER_MS
    );
  }

  #number(publish: Publish, first: number, fresh: Publish[]): Answer {
    const { origin, seq, messageId } = publish;
    const known = messageId === undefined ? undefined : this.#dedupe.get(messageId);
    const offset = known ?? first + fresh.length;
    if (known === undefined) {
      fresh.push(publish);
      if (messageId !== undefined) this.#dedupe.set(messageId, offset, this.#lastTime);
    }
    return { origin, seq, offset, isDuplicate: known !== undefined, epoch: this.#epoch };
  }

  /** One buffer for the WebSocket frame, the protocol's frames and the log. */
  #encode(publishes: readonly Publish[], first: number): Batch {
    const bytes = publishes.reduce(
      (sum, { start, end }) => sum + MESSAGE_HEAD_BYTES + end - start,
      WEBSOCKET_HEADER_BYTES,
    );
    const room = Buffer.allocUnsafe(bytes);
    let at = WEBSOCKET_HEADER_BYTES;
    let offset = first;
    for (const { bytes: source, start, end } of publishes) {
      const contentBytes = end - start;
      const head = { topicId: this.view.id, offset, time: this.#lastTime, contentBytes };
      writeMessageHead(room, at, head);
      room.set(source.subarray(start, end), at + MESSAGE_HEAD_BYTES);
      at += MESSAGE_HEAD_BYTES + contentBytes;
      offset += 1;
    }
    return new Batch(first, offset - 1, new SharedFrames(room));
  }
}

/** Runs of publishes that are a batch each; a publish larger than a batch has one of its own. */
function split(publishes: readonly Publish[]): Publish[][] {
  const parts: Publish[][] = [];
  let part: Publish[] = [];
  let bytes = 0;
  for (const publish of publishes) {
    const count = MESSAGE_HEAD_BYTES + publish.end - publish.start;
    if (part.length === 0 || bytes + count > BATCH_BYTES) {
      part = [];
      parts.push(part);
      bytes = 0;
    }
    part.push(publish);
    bytes += count;
  }
  return parts;
}
