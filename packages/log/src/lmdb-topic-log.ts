// The log of one topic in the store. Its newest messages are kept in memory too, as they were sent, so that
// who is only a little behind costs no disk and no copy.
import { ShardcastError, type Epoch, type From } from "@shardcast/protocol";
import { Batch } from "./batch.ts";
import { IdRecord } from "./id-record.ts";
import type { StoredIds, TopicLog } from "./log.ts";
import { MemoryTopicLog } from "./memory-log.ts";
import type { Retention } from "./retention.ts";
import { Series } from "./series.ts";
import type { Store } from "./store.ts";
import { encodeTopicRecord, type TopicRecord } from "./topic-record.ts";

/** What an append drops at the most of what is over the limits: twice what it adds, and more at a time. */
const DROPS_PER_APPEND = 64;
/** An append looks for what to drop when the topic is over a limit by this part of it. */
const SLACK = 1 / 16;
const DROPS_PER_TRIM = 1024;

/** How long and how many message ids are kept. */
export interface IdRetention {
  readonly ageMs: number;
  readonly count: number;
}

/** Bytes of messages on disk, of all topics. */
export interface DiskUse {
  bytes: number;
  readonly maxBytes: number;
}

export interface LmdbTopicLogOptions {
  readonly topic: string;
  readonly topicId: number;
  readonly store: Store;
  readonly retention: Retention;
  readonly ids: IdRetention;
  readonly disk: DiskUse;
  /** Of the newest messages in memory. */
  readonly tail: {
    readonly bytes: number;
    readonly ageMs: number;
    readonly maxBytes: number;
    readonly total: { bytes: number };
    readonly now: () => number;
  };
  /** Told before the first of what is staged together. */
  readonly staged: (log: LmdbTopicLog) => void;
}

export class LmdbTopicLog implements TopicLog {
  readonly hasIds = true;
  readonly isStale = false;
  readonly epoch: Epoch;
  readonly number: number;
  readonly #options: LmdbTopicLogOptions;
  readonly #messages: Series;
  readonly #ids: Series;
  readonly #tail: MemoryTopicLog;
  #isRecorded: boolean;
  #isStaged = false;
  #batches: Batch[] = [];
  #untilRecorded: (() => void)[] = [];
  /** Many subscribers that were away ask for the same page. */
  #page: { readonly after: number; readonly limitBytes: number; readonly batch: Batch } | undefined;

  /** @param isRecorded whether the record is on disk already */
  constructor(record: TopicRecord, isRecorded: boolean, options: LmdbTopicLogOptions) {
    const { store, tail } = options;
    this.#options = options;
    this.epoch = record.epoch;
    this.number = record.number;
    this.#isRecorded = isRecorded;
    this.#messages = new Series(store, "messages", record.number, record.messages);
    this.#ids = new Series(store, "ids", record.number, record.ids);
    const retention = { count: Number.MAX_SAFE_INTEGER, bytes: tail.bytes, ageMs: tail.ageMs };
    const { maxBytes, total, now } = tail;
    this.#tail = new MemoryTopicLog(this.epoch, { retention, maxBytes, now }, total, this.head);
    if (!isRecorded) this.#stage();
  }

  get head(): number {
    return this.#messages.end.offset;
  }

  get oldest(): number {
    const { count } = this.#options.retention;
    return Math.max(this.#messages.floor.offset, this.head - count) + 1;
  }

  get lastTime(): number {
    return this.#messages.end.time;
  }

  /** Whether something of it waits to be committed. */
  get isStaged(): boolean {
    return this.#isStaged;
  }

  read(after: number, limitBytes: number): Batch | undefined {
    const from = Math.max(after, this.oldest - 1);
    if (from >= this.head) return undefined;
    if (from + 1 >= this.#tail.oldest) return this.#tail.read(from, limitBytes);
    const page = this.#page;
    if (page?.after === from && page.limitBytes === limitBytes) return page.batch;
    const batch = this.#readStored(from, limitBytes);
    this.#page = { after: from, limitBytes, batch };
    return batch;
  }

  /** Whoever is told the epoch of a new topic can rely on it: it is on disk by then. */
  resolve(from: From): number | Promise<number> {
    if (this.#isRecorded) return this.#placeOf(from);
    return new Promise((resolve) => {
      this.#untilRecorded.push(() => resolve(this.#placeOf(from)));
    });
  }

  #placeOf(from: From): number {
    switch (from.type) {
      case "live":
        return this.head;
      case "earliest":
        return this.oldest - 1;
      case "last":
        return Math.max(this.oldest - 1, this.head - from.count);
      case "since":
        return Math.max(this.oldest - 1, this.#messages.offsetBefore(from.time));
      case "position":
        return from.position.epoch === this.epoch ? from.position.offset : this.oldest - 1;
    }
  }

  append(batch: Batch, ids: IdRecord): void {
    const { last, firstTime: time, bytes } = batch;
    this.#stage();
    this.#messages.append(last, time, bytes, batch.shared.frames);
    if (ids.count > 0) this.#ids.append(last, time, ids.count, ids.bytes);
    this.#batches.push(batch);
    this.#options.disk.bytes += bytes;
    if (this.#isOver(1 + SLACK)) this.#drop(time, DROPS_PER_APPEND);
  }

  *ids(since: number): Generator<StoredIds> {
    for (const { key, value } of this.#ids.values(this.#ids.offsetBefore(since) + 1)) {
      yield { time: key.time, ids: new IdRecord(value) };
    }
  }

  trim(now: number): void {
    this.#tail.trim(now);
    this.#page = undefined;
    this.#drop(now, DROPS_PER_TRIM);
  }

  /** What was staged is on disk. */
  committed(): void {
    const before = this.head;
    this.#messages.committed();
    this.#ids.committed();
    this.#isStaged = false;
    this.#isRecorded = true;
    for (const batch of this.#batches) this.#tail.append(batch);
    this.#batches = [];
    if (this.head !== before) this.#page = undefined;
    this.#tellRecorded();
  }

  /** What was staged is not on disk, and never will be. */
  aborted(): void {
    const staged = this.#messages.weight;
    this.#messages.aborted();
    this.#ids.aborted();
    this.#options.disk.bytes -= staged - this.#messages.weight;
    this.#isStaged = false;
    this.#batches = [];
    if (!this.#isRecorded) this.#stage();
    // On a full disk nobody waits for long: a topic that has nothing can be begun anew.
    this.#tellRecorded();
  }

  /** Gives back what it holds in memory. */
  release(): void {
    this.#tail.clear();
    this.#page = undefined;
  }

  #readStored(from: number, limitBytes: number): Batch {
    const batches: Batch[] = [];
    let bytes = 0;
    let last = from;
    for (const { key, value } of this.#messages.values(from + 1)) {
      if (bytes > 0 && bytes + value.length > limitBytes) break;
      const batch = Batch.fromFrames(value, this.#options.topicId);
      if (batch?.last !== key.last || batch.first > last + 1) throw this.#corrupt(last + 1);
      const part = batch.slice(last, limitBytes);
      batches.push(part);
      bytes += part.bytes;
      last = part.last;
      if (part.last < batch.last) break;
    }
    const page = Batch.concat(batches);
    if (page === undefined) throw this.#corrupt(from + 1);
    return page;
  }

  #corrupt(offset: number): ShardcastError {
    const detail = `${this.#options.topic}: message ${offset} is not where it was`;
    return new ShardcastError("SHARDCAST_LOG_CORRUPT", detail);
  }

  /** Whether the topic has more than it may, by a factor. Its age is asked when it is trimmed. */
  #isOver(factor: number): boolean {
    const { retention, disk, ids } = this.#options;
    const count = this.#messages.end.offset - this.#messages.floor.offset;
    return (
      count > retention.count * factor ||
      this.#messages.weight > retention.bytes * factor ||
      this.#ids.weight > ids.count * factor ||
      disk.bytes > disk.maxBytes
    );
  }

  #drop(now: number, limit: number): void {
    const { retention, disk, ids } = this.#options;
    const before = this.#messages.weight;
    const { head } = this;
    const count = this.#messages.dropFront(limit, ({ last, time }, floor) => {
      if (last <= head - retention.count || time <= now - retention.ageMs) return false;
      const dropped = floor.sum - this.#messages.stagedFloor.sum;
      const isOver = before - dropped > retention.bytes || disk.bytes - dropped > disk.maxBytes;
      // The newest is kept, whatever its size.
      return !isOver || last === head;
    });
    disk.bytes -= before - this.#messages.weight;
    const idWeight = this.#ids.weight;
    const idCount = this.#ids.dropFront(limit, ({ time }, floor) => {
      const dropped = floor.sum - this.#ids.stagedFloor.sum;
      return time > now - ids.ageMs && idWeight - dropped <= ids.count;
    });
    if (count + idCount > 0) this.#record();
  }

  #stage(): void {
    if (this.#isStaged) return;
    this.#isStaged = true;
    this.#options.staged(this);
    if (!this.#isRecorded) this.#putRecord();
  }

  #record(): void {
    this.#stage();
    if (this.#isRecorded) this.#putRecord();
  }

  #tellRecorded(): void {
    for (const tell of this.#untilRecorded.splice(0)) tell();
  }

  #putRecord(): void {
    const record = {
      number: this.number,
      epoch: this.epoch,
      messages: this.#messages.stagedFloor,
      ids: this.#ids.stagedFloor,
    };
    this.#options.store.put("topics", Buffer.from(this.#options.topic), encodeTopicRecord(record));
  }
}
