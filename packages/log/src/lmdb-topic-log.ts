// The log of one topic on disk. The newest messages are also kept in memory as they were sent, so
// that serving a reader that is slightly behind needs no disk access and no copy.
import { crc32 } from "node:zlib";
import { ShardcastError, type Epoch, type From, type Position } from "@shardcast/protocol";
import { Batch } from "./batch.ts";
import type { BirthEpochs } from "./birth-epochs.ts";
import { Damage, type DamageTally } from "./damage.ts";
import { createEpoch } from "./epoch.ts";
import { IdRecord } from "./id-record.ts";
import { FORGET_AFTER_MS, type Page, type StoredIds, type TopicLog } from "./log.ts";
import { MemoryTopicLog, type MemoryTopicLogOptions } from "./memory-log.ts";
import type { Retention } from "./retention.ts";
import { tellsItsEnd, wholeBatch } from "./message-record.ts";
import { Series, type StoredRecord } from "./series.ts";
import type { Store } from "./store.ts";
import { encodeName, nameKey } from "./topic-name.ts";
import { encodeTopicRecord, type TopicRecord } from "./topic-record.ts";

/**
 * The number of records that one append drops at most. An append adds fewer, so a topic over its
 * limits shrinks.
 */
const DROPS_PER_APPEND = 64;
/** An append drops records only when the topic exceeds a limit by this fraction. */
const SLACK = 1 / 16;
const DROPS_PER_TRIM = 1024;
/** The number of bytes that one read scans at most to find the end of a damaged range. */
const DAMAGE_BYTES = 4 * 1024 * 1024;

/** How long, and how many, message ids are kept. */
export interface IdRetention {
  readonly ageMs: number;
  readonly count: number;
}

/** Bytes of messages on disk, in all topics. */
export interface DiskUse {
  bytes: number;
  readonly maxBytes: number;
}

/** Shared by all topics of a log. */
export interface LmdbTopicContext {
  readonly store: Store;
  readonly ids: IdRetention;
  readonly disk: DiskUse;
  readonly damage: DamageTally;
  readonly births: BirthEpochs;
  /** Messages stored at or before the returned time are older than `ageMs`. */
  readonly cutoff: (ageMs: number, now: number) => number;
  /** Limits for the newest messages in memory, and the bytes that all topics hold there. */
  readonly tail: MemoryTopicLogOptions;
  readonly tailTotal: { bytes: number };
  /** Called when a topic first stages a write, before the write. */
  readonly staged: (log: LmdbTopicLog) => void;
}

export interface LmdbTopicLogOptions {
  readonly topic: string;
  readonly topicId: number;
  readonly retention: Retention;
  readonly record: TopicRecord;
  /** The record was just created: nothing of the topic is on disk. */
  readonly isNew: boolean;
}

/** Shared by all topics that have nothing staged, to save memory with very many topics. */
const NO_BATCHES: readonly Batch[] = [];
const NO_IDS: readonly StoredIds[] = [];

export class LmdbTopicLog implements TopicLog {
  readonly hasIds = true;
  readonly isStale = false;
  readonly epoch: Epoch;
  readonly number: number;
  readonly #context: LmdbTopicContext;
  readonly #topic: string;
  readonly #topicId: number;
  readonly #retention: Retention;
  readonly #messages: Series;
  readonly #ids: Series;
  /** The newest messages; undefined if none have arrived recently. */
  #tail: MemoryTopicLog | undefined;
  #isRecorded: boolean;
  #isStaged = false;
  #batches = NO_BATCHES;
  /** No message is too old before this time. */
  #dueAt = 0;
  /** The last page read. Subscribers that reconnect often ask for the same page. */
  #page: { readonly after: number; readonly limitBytes: number; readonly page: Page } | undefined;

  constructor(options: LmdbTopicLogOptions, context: LmdbTopicContext) {
    const { topic, topicId, retention, record, isNew } = options;
    const { store } = context;
    const { number } = record;
    this.#topic = topic;
    this.#topicId = topicId;
    this.#retention = retention;
    this.#context = context;
    this.number = number;
    this.#isRecorded = !isNew;
    if (isNew) this.#dueAt = Infinity;
    const messages = { table: "messages", number, floor: record.messages, isNew } as const;
    this.#messages = new Series(store, messages, tellsItsEnd);
    this.#ids = new Series(store, { table: "ids", number, floor: record.ids, isNew });
    // The offsets after a lost end may be used again, so positions of the old epoch are no longer
    // valid.
    this.epoch = this.#messages.isEndLost ? createEpoch() : record.epoch;
    if (this.#messages.isEndLost) this.#lostEnd();
  }

  get head(): number {
    return this.#messages.end.offset;
  }

  get oldest(): number {
    const { count } = this.#retention;
    return Math.max(this.#messages.floor.offset, this.head - count) + 1;
  }

  get lastTime(): number {
    return this.#messages.end.time;
  }

  /** Whether the store has a record of the topic: it has had messages. */
  get isRecorded(): boolean {
    return this.#isRecorded;
  }

  /** Whether changes of the topic wait for a commit. */
  get isStaged(): boolean {
    return this.#isStaged;
  }

  read(after: number, limitBytes: number): Page | undefined {
    const from = Math.max(after, this.oldest - 1);
    if (from >= this.head) return undefined;
    const tail = this.#tail;
    if (tail !== undefined && from + 1 >= tail.oldest) return tail.read(from, limitBytes);
    const known = this.#page;
    if (known?.after === from && known.limitBytes === limitBytes) return known.page;
    const page = this.#readStored(from, limitBytes);
    this.#page = { after: from, limitBytes, page };
    if (page instanceof Damage) this.#context.damage.messages(this.#topic, page);
    return page;
  }

  continues(position: Position): boolean {
    return position.epoch === this.epoch || this.#context.births.isFresh(this.#topic, position);
  }

  resolve(from: From): number {
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
        return this.continues(from.position) ? from.position.offset : this.oldest - 1;
    }
  }

  append(batch: Batch, ids: IdRecord): void {
    const { last, firstTime: time, bytes } = batch;
    this.#stage();
    this.#messages.append({ last, time, weight: bytes, crc: batch.crc }, batch.shared.frames);
    if (ids.count > 0) {
      this.#ids.append({ last, time, weight: ids.count, crc: crc32(ids.bytes) }, ids.bytes);
    }
    this.#batches = this.#batches === NO_BATCHES ? [batch] : [...this.#batches, batch];
    this.#context.disk.bytes += bytes;
    this.#dueAt = Math.min(
      this.#dueAt,
      time + this.#retention.ageMs,
      time + this.#context.ids.ageMs,
    );
    if (this.#isOver(1 + SLACK)) this.#drop(time, DROPS_PER_APPEND);
  }

  ids(since: number): Iterable<StoredIds> {
    return this.#ids.isEmpty ? NO_IDS : this.#storedIds(since);
  }

  *#storedIds(since: number): Generator<StoredIds> {
    for (const { key, value, isWhole } of this.#ids.values(this.#ids.offsetBefore(since) + 1)) {
      if (isWhole) yield { time: key.time, ids: new IdRecord(value) };
      else this.#damaged(`the message ids up to ${key.last}`);
    }
  }

  trim(now: number): void {
    this.#trimTail(now);
    this.#page = undefined;
    // With very many topics, reading what is stored would cost more than the rest of a round.
    if (now >= this.#dueAt || this.#isOver(1)) this.#drop(now, DROPS_PER_TRIM);
  }

  /**
   * The earliest time at which the topic must be trimmed again, or forgotten. Exact after a trim.
   */
  get dueAt(): number {
    return this.#dueAt === Infinity ? this.lastTime + FORGET_AFTER_MS : this.#dueAt;
  }

  /** The staged changes are on disk. */
  committed(): void {
    const before = this.head;
    this.#messages.committed();
    this.#ids.committed();
    this.#isStaged = false;
    this.#isRecorded = true;
    for (const batch of this.#batches) this.#tailBefore(batch.first).append(batch);
    this.#batches = NO_BATCHES;
    if (this.head !== before) this.#page = undefined;
  }

  /** The staged changes are not on disk, and will not be written. */
  aborted(): void {
    const staged = this.#messages.weight;
    this.#messages.aborted();
    this.#ids.aborted();
    this.#context.disk.bytes -= staged - this.#messages.weight;
    this.#isStaged = false;
    this.#batches = NO_BATCHES;
  }

  /** Frees the memory of the newest messages. */
  release(): void {
    this.#tail?.clear();
    this.#tail = undefined;
    this.#page = undefined;
  }

  /** The newest messages in memory. Created when messages arrive after a pause. */
  #tailBefore(first: number): MemoryTopicLog {
    const { tail, tailTotal } = this.#context;
    return (this.#tail ??= new MemoryTopicLog(this.epoch, tail, tailTotal, first - 1));
  }

  #trimTail(now: number): void {
    const tail = this.#tail;
    if (tail === undefined) return;
    tail.trim(now);
    if (tail.oldest > tail.head) this.#tail = undefined;
  }

  /**
   * Intact messages after an offset, up to the next damage; if damage comes first, the damaged
   * range.
   */
  #readStored(from: number, limitBytes: number): Page {
    const parts: Batch[] = [];
    let bytes = 0;
    let damagedBytes = 0;
    let last = from;
    for (const record of this.#storedFrom(from + 1)) {
      const { key, value } = record;
      if (bytes > 0 && bytes + value.length > limitBytes) break;
      const batch = wholeBatch(record, this.#topicId);
      if (batch === undefined) {
        if (bytes > 0) break;
        damagedBytes += value.length;
        const isFarEnough = damagedBytes >= DAMAGE_BYTES && key.last > from && key.last < this.head;
        if (isFarEnough) return new Damage(from + 1, key.last);
        continue;
      }
      // An intact record contains its first offset: the offsets between `last` and that one are
      // missing.
      if (batch.first > last + 1) {
        if (bytes > 0) break;
        return new Damage(from + 1, batch.first - 1);
      }
      if (batch.last <= last) continue;
      const part = batch.slice(last, limitBytes);
      parts.push(part);
      bytes += part.bytes;
      last = part.last;
      if (part.last < batch.last) break;
    }
    return Batch.concat(parts) ?? new Damage(from + 1, this.head);
  }

  /** Records from an offset on, up to the first read error of the store. */
  *#storedFrom(offset: number): Generator<StoredRecord> {
    try {
      yield* this.#messages.values(offset);
    } catch (error) {
      if (this.#context.store.isClosed) {
        throw new ShardcastError("SHARDCAST_LOG_UNAVAILABLE", "the log is closed", {
          cause: error,
        });
      }
      this.#damaged(`the store after message ${offset - 1}`);
    }
  }

  #damaged(what: string): void {
    this.#context.damage.found({ topic: this.#topic, what });
  }

  #lostEnd(): void {
    this.#damaged(`the messages after ${this.head}`);
    this.#record();
  }

  /** Whether the topic exceeds a limit by a factor. `trim` checks its age. */
  #isOver(factor: number): boolean {
    const { disk, ids } = this.#context;
    const retention = this.#retention;
    const count = this.#messages.end.offset - this.#messages.floor.offset;
    return (
      count > retention.count * factor ||
      this.#messages.weight > retention.bytes * factor ||
      this.#ids.weight > ids.count * factor ||
      disk.bytes > disk.maxBytes
    );
  }

  #drop(now: number, limit: number): void {
    const { disk, ids, cutoff } = this.#context;
    const retention = this.#retention;
    const tooOld = cutoff(retention.ageMs, now);
    const tooOldIds = cutoff(ids.ageMs, now);
    const before = this.#messages.weight;
    const { head } = this;
    let dueAt = Infinity;
    const count = this.#messages.dropFront(limit, ({ last, time }, floor) => {
      if (last <= head - retention.count || time <= tooOld) return false;
      const dropped = floor.sum - this.#messages.stagedFloor.sum;
      const isOver = before - dropped > retention.bytes || disk.bytes - dropped > disk.maxBytes;
      // The newest record is kept, whatever its size.
      if (isOver && last !== head) return false;
      dueAt = time + retention.ageMs;
      return true;
    });
    disk.bytes -= before - this.#messages.weight;
    const idWeight = this.#ids.weight;
    const idCount = this.#ids.dropFront(limit, ({ time }, floor) => {
      const dropped = floor.sum - this.#ids.stagedFloor.sum;
      if (time <= tooOldIds || idWeight - dropped > ids.count) return false;
      dueAt = Math.min(dueAt, time + ids.ageMs);
      return true;
    });
    // Staged records were not checked, and records beyond `limit` are dropped next time.
    const isAllSeen = this.#batches === NO_BATCHES && count < limit && idCount < limit;
    this.#dueAt = isAllSeen ? dueAt : 0;
    if (count + idCount > 0) this.#record();
  }

  #stage(): void {
    if (this.#isStaged) return;
    this.#isStaged = true;
    this.#context.staged(this);
    if (!this.#isRecorded) this.#putRecord();
  }

  #record(): void {
    this.#stage();
    if (this.#isRecorded) this.#putRecord();
  }

  #putRecord(): void {
    const record = {
      number: this.number,
      epoch: this.epoch,
      messages: this.#messages.stagedFloor,
      ids: this.#ids.stagedFloor,
    };
    const name = Buffer.from(this.#topic);
    const { store } = this.#context;
    store.put("topics", name, encodeTopicRecord(name, record));
    if (this.#isRecorded) return;
    const key = nameKey(this.number);
    store.put("names", key, encodeName(key, name));
  }
}
