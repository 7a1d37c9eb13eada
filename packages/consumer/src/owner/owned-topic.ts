// A topic that this node owns. It numbers the publishes of a turn, encodes them as batches, and
// appends them to the log. docs/architecture.md#the-path-of-a-publish
import { MESSAGE_HEAD_BYTES, epochToBytes, writeMessageHead, type From } from "@shardcast/protocol";
import { SharedFrames } from "@shardcast/protocol/websocket";
import { WEBSOCKET_HEADER_BYTES } from "@shardcast/protocol/websocket";
import { Batch, IdRecord, type TopicLog } from "@shardcast/log";
import { DedupeWindow, type DedupeOptions } from "./dedupe-window.ts";
import type { Publish } from "./publish.ts";
import type { Subscription } from "../fan-out/subscription.ts";
import type { FanOut } from "../fan-out/fan-out.ts";

/**
 * If the clock steps back by more than this, the previous time was wrong, and the topic's times
 * step back too.
 */
const STEP_BACK_MS = 60_000;
/**
 * A batch is stored, sent and read as a whole. The publishes of a turn become several batches if
 * they exceed this.
 */
const BATCH_BYTES = 64 * 1024;

/**
 * The publishes and batches of one append, for the acks and the fan-out or, if the commit fails,
 * for reverting.
 */
export interface Appended {
  readonly topic: OwnedTopic;
  /** In the order of their offsets. */
  readonly batches: readonly Batch[];
  /** All publishes that wait for an answer, in the order in which they arrived. */
  readonly publishes: readonly Publish[];
}

export class OwnedTopic {
  readonly view: FanOut;
  readonly log: TopicLog;
  /** The lane of the log. The topics of one lane are committed together. */
  readonly lane: number;
  readonly #dedupe: DedupeWindow;
  #publishes: Publish[] = [];
  #lastTime: number;

  /**
   * @param now the current time, in ms since 1970 · @param steady the monotonic time, in ms, by
   * which ids expire
   */
  constructor(
    view: FanOut,
    log: TopicLog,
    lane: number,
    dedupe: DedupeOptions,
    now: number,
    steady = now,
  ) {
    this.view = view;
    this.log = log;
    this.lane = lane;
    this.#lastTime = log.lastTime;
    this.#dedupe = new DedupeWindow(dedupe);
    // Read the ids of two windows: an id may be known for that long, and one that was acked again
    // must not be forgotten. If the newest message is before now, count from it, because the clock
    // may have been wrong since.
    const newest = Math.min(now, log.lastTime);
    for (const { time, ids } of log.ids(newest - 2 * dedupe.windowMs)) {
      ids.forEach((offset, bytes, start, end) => {
        const hash = this.#dedupe.prepare(bytes, start, end);
        const since = steady - Math.max(0, newest - time);
        this.#dedupe.claim(hash, bytes, start, end, { offset, time: since });
      });
    }
  }

  /** @returns whether it is the first publish since the last append */
  enqueue(publish: Publish): boolean {
    return this.#publishes.push(publish) === 1;
  }

  /** Removes and returns the publishes that are not appended yet. */
  takeWaiting(): Publish[] {
    return this.#publishes.splice(0);
  }

  subscribe(subscription: Subscription, from: From): void {
    this.view.subscribe(subscription, from);
  }

  /** Appends the waiting publishes to the log. They are stored once the log has committed them. */
  append(now: number, steady = now): Appended {
    const publishes = this.#publishes;
    this.#publishes = [];
    // The owner's clock may step back a little; the times of a topic do not.
    const isSetBack = now < this.#lastTime - STEP_BACK_MS;
    this.#lastTime = isSetBack ? now : Math.max(this.#lastTime, now);
    let offset = this.log.head + 1;
    const batches: Batch[] = [];
    for (const part of split(this.#number(publishes, offset, steady))) {
      const batch = this.#encode(part, offset);
      offset = batch.last + 1;
      this.log.append(batch, this.#idsOf(part));
      batches.push(batch);
    }
    return { topic: this, batches, publishes };
  }

  /** Forgets the ids of an append that failed, so that a retry does not count as a duplicate. */
  revert({ publishes }: Appended): void {
    for (const { isDuplicate, bytes, idStart, idEnd } of publishes) {
      if (!isDuplicate && idEnd > 0) this.#dedupe.delete(bytes, idStart, idEnd);
    }
  }

  /** The topic has another owner now: ends all subscriptions. */
  leave(): void {
    this.view.endAll("SHARDCAST_NOT_OWNER");
  }

  /** Whether the topic has no subscribers, no publishes and no known ids. */
  get isUnused(): boolean {
    return this.view.subscriberCount === 0 && this.#publishes.length === 0 && this.#dedupe.isEmpty;
  }

  /** Deletes expired messages and ids. @returns whether the topic is unused */
  expire(now: number, steady = now): boolean {
    this.log.trim(now);
    this.#dedupe.expire(steady);
    return this.isUnused;
  }

  /**
   * Assigns offsets: duplicates get the offset of the first message with their id, the others the
   * next offsets. @returns the others
   */
  #number(publishes: readonly Publish[], first: number, time: number): readonly Publish[] {
    const place = { offset: first, time };
    const dedupe = this.#dedupe;
    const epoch = epochToBytes(this.log.epoch);
    for (const publish of publishes) {
      const { bytes, idStart, idEnd } = publish;
      if (idEnd > 0) publish.idHash = dedupe.prepare(bytes, idStart, idEnd);
    }
    for (const publish of publishes) {
      const { idHash, bytes, idStart, idEnd } = publish;
      const known = idEnd > 0 ? dedupe.claim(idHash, bytes, idStart, idEnd, place) : undefined;
      publish.epoch = epoch;
      publish.isDuplicate = known !== undefined;
      publish.offset = known ?? place.offset;
      if (known === undefined) place.offset += 1;
    }
    if (place.offset - first === publishes.length) return publishes;
    return publishes.filter(({ isDuplicate }) => !isDuplicate);
  }

  #idsOf(publishes: readonly Publish[]): IdRecord {
    const ids = new IdRecord();
    if (!this.log.hasIds) return ids;
    for (const { offset, bytes, idStart, idEnd } of publishes) {
      if (idEnd > 0) ids.add(offset, bytes, idStart, idEnd);
    }
    return ids;
  }

  /**
   * Encodes into one buffer, which serves the WebSocket frame, the protocol's frames and the log.
   */
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
    return Batch.sealed(first, offset - 1, new SharedFrames(room));
  }
}

/**
 * Splits publishes into runs that are one batch each. A publish larger than a batch has a batch of
 * its own.
 */
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
