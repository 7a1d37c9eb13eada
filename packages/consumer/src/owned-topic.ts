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
import { Batch, type StoredId, type TopicLog } from "@shardcast/log";
import { DedupeWindow, type DedupeOptions } from "./dedupe-window.ts";
import type { Subscription } from "./subscription.ts";
import type { Topic } from "./topic.ts";

/** A batch is stored, sent and read as a whole: beyond this, what a turn brought becomes several of them. */
const BATCH_BYTES = 64 * 1024;

/** A publish that is not appended yet. Its content lies between `start` and `end`. */
interface Publish {
  readonly origin: PublishOrigin;
  readonly seq: number;
  readonly messageId: string | undefined;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** What is to be done when the log has a turn's messages, or could not take them. */
export interface Appended {
  readonly topic: OwnedTopic;
  /** In the order of their offsets. */
  readonly batches: readonly Batch[];
  readonly answers: readonly Answer[];
  readonly ids: readonly StoredId[];
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
  #lastTime: number;

  constructor(view: Topic, log: TopicLog, dedupe: DedupeOptions, now: number) {
    this.view = view;
    this.log = log;
    this.#epoch = epochToBytes(log.epoch);
    this.#lastTime = log.lastTime;
    this.#dedupe = new DedupeWindow(dedupe);
    // Two windows: that is how long an id may be known, and one that was acked again must not be forgotten.
    for (const { time, ids } of log.ids(now - 2 * dedupe.windowMs)) {
      for (const { messageId, offset } of ids) this.#dedupe.set(messageId, offset, time);
    }
  }

  /** @returns true where it is the first since the last append */
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

  /** Appends what has come to the log. It is stored once the log has committed it. */
  append(now: number): Appended {
    const publishes = this.#publishes;
    this.#publishes = [];
    // The owner's clock may step back; the times of a topic do not.
    this.#lastTime = Math.max(this.#lastTime, now);
    const first = this.log.head + 1;
    const fresh: Publish[] = [];
    const ids: StoredId[] = [];
    const answers = publishes.map((publish) => this.#number(publish, first, fresh, ids));
    const batches: Batch[] = [];
    let offset = first;
    let nextId = 0;
    for (const part of split(fresh)) {
      const batch = this.#encode(part, offset);
      offset = batch.last + 1;
      const firstId = nextId;
      while ((ids[nextId]?.offset ?? Infinity) <= batch.last) nextId += 1;
      this.log.append(batch, ids.slice(firstId, nextId));
      batches.push(batch);
    }
    return { topic: this, batches, answers, ids };
  }

  /** The log could not take it: a repeat is no repeat. */
  revert({ ids }: Appended): void {
    for (const { messageId } of ids) this.#dedupe.delete(messageId);
  }

  /** Drops what has had its time; tells whether nobody has any use for the topic at the moment. */
  expire(now: number): boolean {
    this.log.trim(now);
    this.#dedupe.expire(now);
    return this.view.subscriberCount === 0 && this.#publishes.length === 0 && this.#dedupe.isEmpty;
  }

  #number(publish: Publish, first: number, fresh: Publish[], ids: StoredId[]): Answer {
    const { origin, seq, messageId } = publish;
    const known = messageId === undefined ? undefined : this.#dedupe.get(messageId);
    const offset = known ?? first + fresh.length;
    if (known === undefined) {
      fresh.push(publish);
      if (messageId !== undefined) {
        ids.push({ messageId, offset });
        this.#dedupe.set(messageId, offset, this.#lastTime);
      }
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
