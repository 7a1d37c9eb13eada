// The log on disk: one store for all topics of a consumer. All that a turn appended is one transaction.
// docs/architecture.md#the-log-on-disk
import { DataFolder } from "./data-folder.ts";
import { createEpoch } from "./epoch.ts";
import { FORGET_AFTER_MS, type Log } from "./log.ts";
import { LmdbState } from "./lmdb-state.ts";
import { LmdbTopicLog, type DiskUse, type IdRetention } from "./lmdb-topic-log.ts";
import { rangeAfter } from "./name-order.ts";
import type { RetentionRules } from "./retention.ts";
import { putState, readState } from "./store-state.ts";
import type { Store } from "./store.ts";
import { decodeTopicRecord, type TopicRecord } from "./topic-record.ts";

const TAIL_AGE_MS = 60_000;
/** Topics that one call of `tidy` looks at. */
const TIDY_TOPICS = 64;
/** A round of all topics begins no sooner than this after the one before. */
const TIDY_ROUND_MS = 10_000;

export interface LmdbLogOptions {
  readonly folder: string;
  /** Whose folder it is: another node's is refused. */
  readonly nodeId: string;
  readonly retention: RetentionRules;
  /** How long, and how many of a topic, message ids are remembered. */
  readonly ids: IdRetention;
  /** All topics together; over it, the topic that appends gives up its oldest messages. */
  readonly maxBytes: number;
  /** What is kept in memory of a topic's newest messages, and of all topics'. */
  readonly tail: { readonly bytes: number; readonly maxBytes: number };
  /** @default Date.now */
  readonly now?: () => number;
}

export class LmdbLog implements Log {
  readonly state: LmdbState;
  readonly #options: LmdbLogOptions;
  readonly #folder: DataFolder;
  readonly #store: Store;
  readonly #open = new Map<string, LmdbTopicLog>();
  readonly #disk: DiskUse;
  readonly #tail = { bytes: 0 };
  #nextNumber: number;
  #staged: LmdbTopicLog[] = [];
  /** The topic where `tidy` goes on; undefined between two rounds. */
  #tidyAt: Buffer | undefined;
  #tidyAgain = 0;

  private constructor(folder: DataFolder, options: LmdbLogOptions) {
    this.#folder = folder;
    this.#store = folder.store;
    this.state = new LmdbState(folder.store);
    this.#options = options;
    const { nextNumber, bytes } = readState(this.#store);
    this.#nextNumber = nextNumber;
    this.#disk = { bytes, maxBytes: options.maxBytes };
  }

  /**
   * Opens a folder, and makes it where there is none. It takes the same time however much is stored.
   * @throws SHARDCAST_DATA_LOCKED, SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT, SHARDCAST_OPTION_INVALID
   */
  static async open(options: LmdbLogOptions): Promise<LmdbLog> {
    const folder = await DataFolder.open(options.folder, options.nodeId);
    return new LmdbLog(folder, options);
  }

  get bytes(): number {
    return this.#disk.bytes;
  }

  /** What the file takes on disk, free pages and all. */
  get fileBytes(): number {
    return this.#store.fileBytes;
  }

  get tailBytes(): number {
    return this.#tail.bytes;
  }

  open(topic: string, topicId: number): LmdbTopicLog {
    const known = this.#open.get(topic);
    if (known !== undefined) return known;
    const stored = this.#store.get("topics", Buffer.from(topic));
    const record = stored === undefined ? undefined : decodeTopicRecord(stored);
    const log = this.#openLog(topic, topicId, record);
    this.#open.set(topic, log);
    return log;
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
    return true;
  }

  topics(after: string, limit: number): string[] {
    const { start, end } = rangeAfter("", after);
    const keys = this.#store.keys("topics", start, end, limit);
    return Array.from(keys, (key) => key.toString("utf8"));
  }

  /** Trims a few of the topics that nobody has open, and forgets those that are past their time. */
  tidy(now: number): void {
    if (this.#tidyAt === undefined) {
      if (now < this.#tidyAgain) return;
      this.#tidyAgain = now + TIDY_ROUND_MS;
    }
    const start = this.#tidyAt ?? Buffer.alloc(1);
    let last: Buffer | undefined;
    let count = 0;
    for (const { key, value } of this.#store.from("topics", start, TIDY_TOPICS)) {
      last = key;
      count += 1;
      const topic = key.toString("utf8");
      const record = decodeTopicRecord(value);
      if (record !== undefined && !this.#open.has(topic)) this.#tidyTopic(topic, record, now);
    }
    const isRoundOver = last === undefined || count < TIDY_TOPICS;
    // The key that follows is the same with a zero byte.
    this.#tidyAt = isRoundOver ? undefined : Buffer.concat([last ?? start, Buffer.alloc(1)]);
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

  #tidyTopic(topic: string, record: TopicRecord, now: number): void {
    const log = this.#openLog(topic, 0, record);
    log.trim(now);
    if (log.isStaged || log.head >= log.oldest || log.lastTime >= now - FORGET_AFTER_MS) return;
    this.#store.remove("topics", Buffer.from(topic));
  }

  #openLog(topic: string, topicId: number, record: TopicRecord | undefined): LmdbTopicLog {
    const { retention, ids, tail, now = Date.now } = this.#options;
    return new LmdbTopicLog(record ?? this.#newRecord(now()), record !== undefined, {
      topic,
      topicId,
      ids,
      store: this.#store,
      retention: retention.of(topic),
      disk: this.#disk,
      tail: { ...tail, ageMs: TAIL_AGE_MS, total: this.#tail, now },
      staged: (log) => this.#staged.push(log),
    });
  }

  #newRecord(time: number): TopicRecord {
    const number = this.#nextNumber;
    // 32 bits: at a thousand new topics a second, enough for 49 days of nothing else.
    this.#nextNumber = number + 1;
    const origin = { offset: 0, time, sum: 0 };
    return { number, epoch: createEpoch(), messages: origin, ids: origin };
  }
}
