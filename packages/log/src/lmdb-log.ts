// The log on disk: one store for all topics of a consumer. Each turn commits its appends in one
// transaction. docs/architecture.md#the-log-on-disk
import { BirthEpochs } from "./birth-epochs.ts";
import { DamageTally } from "./damage.ts";
import { DataFolder } from "./data-folder.ts";
import { createEpoch } from "./epoch.ts";
import { FORGET_AFTER_MS, type Log, type LogClock } from "./log.ts";
import { LmdbState } from "./lmdb-state.ts";
import {
  LmdbTopicLog,
  type DiskUse,
  type IdRetention,
  type LmdbTopicContext,
} from "./lmdb-topic-log.ts";
import { rangeAfter } from "./name-order.ts";
import type { RetentionRules } from "./retention.ts";
import { putSecret, readSecret } from "./stored-secret.ts";
import { putState, readState, type StoreState } from "./store-state.ts";
import { restoredState } from "./restored-state.ts";
import type { Store } from "./store.ts";
import { TidyRounds } from "./tidy-rounds.ts";
import { nameKey } from "./topic-name.ts";
import { decodeTopicRecord, type TopicRecord } from "./topic-record.ts";

const TAIL_AGE_MS = 60_000;
/** The number of topics that one call of `tidy` checks. */
const TIDY_TOPICS = 64;

export interface LmdbLogOptions extends LogClock {
  readonly folder: string;
  /** The owner of the folder. Another node's folder is refused. */
  readonly nodeId: string;
  readonly retention: RetentionRules;
  /** How long, and how many per topic, message ids are remembered. */
  readonly ids: IdRetention;
  /**
   * The limit for all topics together. Above it, each topic that appends drops its oldest messages.
   */
  readonly maxBytes: number;
  /** Bytes of the newest messages to keep in memory: per topic, and for all topics together. */
  readonly tail: { readonly bytes: number; readonly maxBytes: number };
  /** Collects damage. @default reports nothing */
  readonly damage?: DamageTally;
}

export class LmdbLog implements Log {
  readonly state: LmdbState;
  readonly #options: LmdbLogOptions;
  readonly #folder: DataFolder;
  readonly #store: Store;
  readonly #open = new Map<string, LmdbTopicLog>();
  readonly #disk: DiskUse;
  readonly #damage: DamageTally;
  readonly #tail = { bytes: 0 };
  readonly #births: BirthEpochs;
  readonly #context: LmdbTopicContext;
  #nextNumber: number;
  #staged: LmdbTopicLog[] = [];
  readonly #rounds = new TidyRounds();

  private constructor(folder: DataFolder, options: LmdbLogOptions) {
    this.#folder = folder;
    this.#store = folder.store;
    this.#damage = options.damage ?? new DamageTally();
    this.state = new LmdbState(folder.store, this.#damage);
    this.#options = options;
    const { nextNumber, bytes } = readState(this.#store) ?? this.#restoreState();
    this.#nextNumber = nextNumber;
    this.#disk = { bytes, maxBytes: options.maxBytes };
    this.#births = new BirthEpochs(
      () => this.#now(),
      readSecret(folder.store),
      (secret) => putSecret(folder.store, secret),
    );
    this.#context = this.#newContext();
  }

  /**
   * Opens a folder, and creates it if it does not exist. The time this takes does not depend on how
   * much is stored.
   * @throws SHARDCAST_DATA_LOCKED, SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT,
   * SHARDCAST_OPTION_INVALID
   */
  static async open(options: LmdbLogOptions): Promise<LmdbLog> {
    const folder = await DataFolder.open(options.folder, options.nodeId);
    const log = new LmdbLog(folder, options);
    // Stores a new secret of the epochs. If this write fails, the store's `fault` reports it.
    if (folder.store.isChanged) await folder.store.commit().catch(() => undefined);
    return log;
  }

  get bytes(): number {
    return this.#disk.bytes;
  }

  /** The size of the file on disk, including free pages. */
  get fileBytes(): number {
    return this.#store.fileBytes;
  }

  get fault(): string | undefined {
    return this.#store.fault;
  }

  get tailBytes(): number {
    return this.#tail.bytes;
  }

  open(topic: string, topicId: number): LmdbTopicLog {
    const known = this.#open.get(topic);
    if (known !== undefined) return known;
    const name = Buffer.from(topic);
    const stored = this.#store.get("topics", name);
    if (stored === undefined) return this.#opened(topic, this.#openNew(topic, topicId));
    const record = decodeTopicRecord(name, stored);
    if (record === undefined) {
      // The topic starts empty under a new number. Only a repair can recover the messages under the
      // old number.
      this.#damagedRecord(topic);
      return this.#opened(topic, this.#openNew(topic, topicId, createEpoch()));
    }
    const log = this.#openLog(topic, topicId, record);
    // Nothing trimmed the topic while it was closed.
    log.trim(this.#now());
    return this.#opened(topic, log);
  }

  laneOf(): number {
    return 0;
  }

  commit(): Promise<void> | undefined {
    return this.#staged.length === 0 && !this.#store.isChanged ? undefined : this.#commit();
  }

  release(topic: string): boolean {
    const log = this.#open.get(topic);
    if (log === undefined) return true;
    if (log.isStaged) return false;
    log.release();
    this.#open.delete(topic);
    if (log.isRecorded) this.#rounds.isDue(log.dueAt);
    return true;
  }

  topics(after: string, limit: number): string[] {
    const { start, end } = rangeAfter("", after);
    const keys = this.#store.keys("topics", start, end, limit);
    return Array.from(keys, (key) => key.toString("utf8"));
  }

  /**
   * Trims a few topics that are not open, and forgets those that have been empty for
   * FORGET_AFTER_MS.
   */
  tidy(now: number): void {
    this.#store.checkFile();
    this.#rounds.go(now, (from) => this.#tidyFrom(from, now));
  }

  async close(): Promise<void> {
    await this.commit()?.catch(() => undefined);
    await this.#folder.close();
  }

  async #commit(): Promise<void> {
    const staged = this.#staged;
    this.#staged = [];
    putState(this.#store, { nextNumber: this.#nextNumber, bytes: this.#disk.bytes });
    try {
      await this.#store.commit();
    } catch (error) {
      for (const log of staged) log.aborted();
      throw error;
    }
    for (const log of staged) log.committed();
  }

  /** @returns the key from which to continue; undefined at the end of a round */
  #tidyFrom(start: Buffer, now: number): Buffer | undefined {
    let last = start;
    let count = 0;
    for (const { key, value } of this.#store.from("topics", start, TIDY_TOPICS)) {
      last = key;
      count += 1;
      const topic = key.toString("utf8");
      const record = decodeTopicRecord(key, value);
      if (record === undefined) this.#damagedRecord(topic);
      else if (!this.#open.has(topic)) this.#tidyTopic(topic, record, now);
    }
    // The last key with a zero byte appended is the next possible key.
    return count < TIDY_TOPICS ? undefined : Buffer.concat([last, Buffer.alloc(1)]);
  }

  #tidyTopic(topic: string, record: TopicRecord, now: number): void {
    const log = this.#openLog(topic, 0, record);
    log.trim(now);
    const isPast =
      log.head < log.oldest && log.lastTime < this.#context.cutoff(FORGET_AFTER_MS, now);
    if (isPast && !log.isStaged) {
      this.#store.remove("topics", Buffer.from(topic));
      this.#store.remove("names", nameKey(record.number));
    } else this.#rounds.isDue(log.dueAt);
  }

  #opened(topic: string, log: LmdbTopicLog): LmdbTopicLog {
    this.#open.set(topic, log);
    return log;
  }

  #openLog(topic: string, topicId: number, record: TopicRecord, isNew = false): LmdbTopicLog {
    const retention = this.#options.retention.of(topic);
    return new LmdbTopicLog({ topic, topicId, retention, record, isNew }, this.#context);
  }

  /** Opens a topic that has no records in the store. */
  #openNew(topic: string, topicId: number, epoch = this.#births.of(topic)): LmdbTopicLog {
    const number = this.#nextNumber;
    // Topic numbers have 32 bits: enough for 49 days at a thousand new topics per second.
    this.#nextNumber = number + 1;
    const origin = { offset: 0, time: this.#now(), sum: 0 };
    return this.#openLog(topic, topicId, { number, epoch, messages: origin, ids: origin }, true);
  }

  #newContext(): LmdbTopicContext {
    const { ids, tail, now, cutoff } = this.#options;
    const clock = {
      ...(now === undefined ? {} : { now }),
      ...(cutoff === undefined ? {} : { cutoff }),
    };
    const { bytes, maxBytes } = tail;
    const retention = { count: Number.MAX_SAFE_INTEGER, bytes, ageMs: TAIL_AGE_MS };
    return {
      ids,
      store: this.#store,
      disk: this.#disk,
      damage: this.#damage,
      births: this.#births,
      cutoff: (ageMs, time) => cutoff?.(ageMs) ?? time - ageMs,
      tail: { retention, maxBytes, ...clock },
      tailTotal: this.#tail,
      staged: (log) => this.#staged.push(log),
    };
  }

  #now(): number {
    const { now = Date.now } = this.#options;
    return now();
  }

  #damagedRecord(topic: string): void {
    this.#damage.found({ topic, what: "the topic's own record" });
  }

  /** Derives the next free topic number and the total bytes from the store's records. */
  #restoreState(): StoreState {
    this.#damage.found({ topic: "", what: "the store's own note" });
    return restoredState(this.#store);
  }
}
