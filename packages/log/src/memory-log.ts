// The log in the process's memory. It limits the messages, bytes and age of each topic, and the
// bytes of all topics together. When the node ends, the log is lost: topics start again with new
// epochs.
import type { Epoch, From, Position } from "@shardcast/protocol";
import { SharedFrames } from "@shardcast/protocol/websocket";
import { Batch } from "./batch.ts";
import { BirthEpochs } from "./birth-epochs.ts";
import { FORGET_AFTER_MS, type Log, type LogClock, type StoredIds, type TopicLog } from "./log.ts";
import type { Retention, RetentionRules } from "./retention.ts";
import { MemoryState } from "./memory-state.ts";
import { firstNames } from "./name-order.ts";
import { Segment, type SegmentLimits } from "./segment.ts";

export interface MemoryLogOptions extends LogClock {
  readonly retention: RetentionRules;
  /**
   * The limit for all topics together. Above it, each topic that appends drops its oldest messages.
   */
  readonly maxBytes: number;
}

export interface MemoryTopicLogOptions extends LogClock {
  readonly retention: Retention;
  readonly maxBytes: number;
}

export class MemoryLog implements Log {
  readonly fault = undefined;
  readonly state = new MemoryState();
  readonly #topics = new Map<string, MemoryTopicLog>();
  readonly #options: MemoryLogOptions;
  readonly #total = { bytes: 0 };
  readonly #births: BirthEpochs;
  readonly #topicOptions = new Map<Retention, MemoryTopicLogOptions>();

  constructor(options: MemoryLogOptions) {
    this.#options = options;
    this.#births = new BirthEpochs(options.now ?? Date.now);
  }

  get bytes(): number {
    return this.#total.bytes;
  }

  /** All messages are in memory. */
  get tailBytes(): number {
    return this.#total.bytes;
  }

  /** Batches keep the topic id with which they were encoded. */
  open(topic: string): MemoryTopicLog {
    const known = this.#topics.get(topic);
    if (known !== undefined) return known;
    const options = { topic, births: this.#births, total: this.#total };
    const log = new OwnedMemoryTopicLog(this.#optionsOf(topic), options);
    this.#topics.set(topic, log);
    return log;
  }

  /** One options object for all topics of a rule, to save memory. */
  #optionsOf(topic: string): MemoryTopicLogOptions {
    const retention = this.#options.retention.of(topic);
    const known = this.#topicOptions.get(retention);
    if (known !== undefined) return known;
    const options = { ...this.#options, retention };
    this.#topicOptions.set(retention, options);
    return options;
  }

  laneOf(): number {
    return 0;
  }

  commit(): undefined {
    return undefined;
  }

  release(topic: string, now: number): boolean {
    const log = this.#topics.get(topic);
    if (log === undefined) return true;
    const past = this.#options.cutoff?.(FORGET_AFTER_MS) ?? now - FORGET_AFTER_MS;
    const isKept = log.oldest <= log.head || log.lastTime >= past;
    if (log.head > 0 && isKept) return false;
    this.#topics.delete(topic);
    return true;
  }

  topics(after: string, limit: number): string[] {
    return firstNames(this.#names(), after, limit);
  }

  *#names(): Generator<string> {
    for (const [name, { head }] of this.#topics) if (head > 0) yield name;
  }

  tidy(): void {
    // Nothing to do: all topics in memory are open, and their users trim them.
  }

  close(): Promise<void> {
    this.#topics.clear();
    this.state.clear();
    return Promise.resolve();
  }
}

/**
 * The largest share of a topic that one segment holds, which is also how exactly the topic is
 * trimmed.
 */
const SEGMENT_SHARE = 1 / 16;
const SEGMENT_BYTES = 64 * 1024;

/** A queue of segments: appends at the end, drops from the front. */
export class MemoryTopicLog implements TopicLog {
  readonly hasIds = false;
  readonly isStale = false;
  readonly epoch: Epoch;
  readonly #options: MemoryTopicLogOptions;
  readonly #total: { bytes: number };
  #segments: Segment[] = [];
  /** Segments before this index are dropped; the array is shortened from time to time. */
  #start = 0;
  #bytes = 0;
  #head: number;
  #oldest: number;
  #lastTime: number;
  /** The last page read. Subscribers that reconnect often ask for the same page. */
  #page: { readonly after: number; readonly limitBytes: number; readonly batch: Batch } | undefined;

  /** @param head if another node's log continues here: the offset before the first append */
  constructor(epoch: Epoch, options: MemoryTopicLogOptions, total = { bytes: 0 }, head = 0) {
    this.epoch = epoch;
    this.#options = options;
    this.#total = total;
    this.#lastTime = timeOf(options);
    this.#head = head;
    this.#oldest = head + 1;
  }

  get head(): number {
    return this.#head;
  }

  get oldest(): number {
    return this.#oldest;
  }

  get lastTime(): number {
    return this.#lastTime;
  }

  /** It stores no ids: the caller's own window of ids lasts as long as this memory. */
  ids(): Iterable<StoredIds> {
    return [];
  }

  append(batch: Batch): void {
    // Dropped segments stay in the array for a while.
    const tail = this.#segments.length > this.#start ? this.#segments.at(-1) : undefined;
    if (tail?.add(batch, limitsOf(this.#options)) !== true) this.#segments.push(new Segment(batch));
    this.#head = batch.last;
    this.#lastTime = batch.firstTime;
    this.#count(batch.bytes);
    this.#page = undefined;
    this.trim(timeOf(this.#options));
  }

  read(after: number, limitBytes: number): Batch | undefined {
    const page = this.#page;
    if (page?.after === after && page.limitBytes === limitBytes) return page.batch;
    const from = Math.max(after, this.#oldest - 1);
    if (from >= this.#head) return undefined;
    const parts: Buffer[] = [];
    let bytes = 0;
    let last = from;
    for (let index = this.#indexOf(from + 1); index < this.#segments.length; index += 1) {
      const segment = this.#segments[index];
      if (segment === undefined || (bytes > 0 && bytes >= limitBytes)) break;
      const part = segment.partAfter(last, limitBytes - bytes);
      if (bytes > 0 && bytes + part.frames.length > limitBytes) break;
      parts.push(part.frames);
      bytes += part.frames.length;
      last = part.last;
      if (part.last < segment.last) break;
    }
    if (parts.length === 0) return undefined;
    const batch = new Batch(from + 1, last, SharedFrames.concat(parts, bytes));
    this.#page = { after, limitBytes, batch };
    return batch;
  }

  continues({ epoch }: Position): boolean {
    return epoch === this.epoch;
  }

  resolve(from: From): number {
    switch (from.type) {
      case "live":
        return this.#head;
      case "earliest":
        return this.#oldest - 1;
      case "last":
        return Math.max(this.#oldest - 1, this.#head - from.count);
      case "since":
        return this.#offsetBefore(from.time);
      case "position":
        return this.continues(from.position) ? from.position.offset : this.#oldest - 1;
    }
  }

  trim(now: number): void {
    const { retention, cutoff } = this.#options;
    const { count, bytes, ageMs } = retention;
    const tooOld = cutoff?.(ageMs) ?? now - ageMs;
    this.#forget(this.#head - count);
    while (this.#bytes > bytes || this.#total.bytes > this.#options.maxBytes) {
      if (!this.#forgetSegment(1)) break;
    }
    for (;;) {
      const segment = this.#segments[this.#start];
      if (segment === undefined || segment.lastTime > tooOld) break;
      this.#forgetSegment(0);
    }
  }

  clear(): void {
    this.#forget(this.#head);
  }

  /** Drops the oldest segment if more than `keep` are left. */
  #forgetSegment(keep: number): boolean {
    const segment = this.#segments[this.#start];
    if (segment === undefined || this.#segments.length - this.#start <= keep) return false;
    this.#forget(segment.last);
    return true;
  }

  /**
   * Drops all messages up to an offset. A segment that is only partly dropped stays in memory, and
   * its dropped part is not read.
   */
  #forget(offset: number): void {
    if (offset < this.#oldest) return;
    this.#oldest = offset + 1;
    this.#page = undefined;
    for (;;) {
      const segment = this.#segments[this.#start];
      if (segment === undefined || segment.last > offset) break;
      this.#count(-segment.bytes);
      this.#start += 1;
    }
    if (this.#start > 64 && 2 * this.#start > this.#segments.length) {
      this.#segments = this.#segments.slice(this.#start);
      this.#start = 0;
    }
  }

  /** The last offset stored before a time; `oldest - 1` if there is none. */
  #offsetBefore(time: number): number {
    let low = this.#start;
    let high = this.#segments.length;
    // The first segment that starts at or after the time. The offset may be in the segment before
    // it.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#segments[middle]?.firstTime ?? Infinity) < time) low = middle + 1;
      else high = middle;
    }
    const segment = low > this.#start ? this.#segments[low - 1] : undefined;
    return Math.max(segment?.offsetBefore(time) ?? 0, this.#oldest - 1);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#total.bytes += bytes;
  }

  /** The index of the segment that holds an offset. */
  #indexOf(offset: number): number {
    let low = this.#start;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#segments[middle]?.last ?? Infinity) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The log of a topic that this node owns. */
class OwnedMemoryTopicLog extends MemoryTopicLog {
  readonly #topic: string;
  readonly #births: BirthEpochs;

  constructor(
    options: MemoryTopicLogOptions,
    own: {
      readonly topic: string;
      readonly births: BirthEpochs;
      readonly total: { bytes: number };
    },
  ) {
    super(own.births.of(own.topic), options, own.total);
    this.#topic = own.topic;
    this.#births = own.births;
  }

  override continues(position: Position): boolean {
    return super.continues(position) || this.#births.isFresh(this.#topic, position);
  }
}

/** Computed each time instead of stored, to keep a topic in memory small. */
function limitsOf({ retention, maxBytes }: MemoryTopicLogOptions): SegmentLimits {
  return {
    bytes: Math.floor(Math.min(SEGMENT_BYTES, SEGMENT_SHARE * Math.min(retention.bytes, maxBytes))),
    messages: Math.max(1, SEGMENT_SHARE * retention.count),
    spanMs: SEGMENT_SHARE * retention.ageMs,
  };
}

function timeOf({ now }: MemoryTopicLogOptions): number {
  return now === undefined ? Date.now() : now();
}
