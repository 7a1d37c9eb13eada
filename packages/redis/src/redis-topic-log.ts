// The log in Redis of one topic that this node owns. Appends are sent with the next commit of the
// shard, together with the retention limits.
import {
  Damage,
  IdRecord,
  type Batch,
  type DamageTally,
  type IdRetention,
  type Page,
  type Retention,
  type StoredIds,
  type TopicLog,
} from "@shardcast/log";
import type { Epoch, From, Position } from "@shardcast/protocol";
import { checksumOf } from "./frames-checksum.ts";
import type { TopicKeys } from "./keys.ts";
import { readTopic, resolveStart } from "./read-topic.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { asNumber, asTexts } from "./reply.ts";
import { APPEND, SHOW } from "./scripts.ts";

/**
 * A topic is trimmed when it exceeds a limit by this fraction, so that not every append has to read
 * old entries.
 */
const SLACK = 1 / 16;
const EXPIRY_MS = 60_000;

export interface TopicState {
  readonly epoch: Epoch;
  readonly head: number;
  /** The time of the newest message, in ms since 1970. */
  readonly time: number;
  /** Bytes ever appended. */
  readonly sum: number;
  readonly floor: number;
  readonly floorSum: number;
}

export interface RedisTopicLogOptions {
  readonly topic: string;
  readonly topicId: number;
  readonly connection: RedisConnection;
  readonly keys: TopicKeys;
  readonly retention: Retention;
  readonly ids: IdRetention;
  /** How long Redis keeps a topic without messages, in ms. */
  readonly forgetAfterMs: number;
  readonly damage: DamageTally;
  /** The bytes of all open topics. */
  readonly size: { bytes: number };
  /** Whether appends stay invisible until the replicas have them and `show` is called. */
  readonly isShownLater: boolean;
  /** When it was opened, in ms since 1970. */
  readonly now: number;
  /** Messages stored at or before the returned time are older than `ageMs`. */
  readonly cutoff: (ageMs: number, now: number) => number;
  /** Called when a topic first stages a change, before the commit. */
  readonly staged: (log: RedisTopicLog) => void;
}

export class RedisTopicLog implements TopicLog {
  readonly hasIds = true;
  readonly #options: RedisTopicLogOptions;
  readonly #storedIds: readonly { readonly time: number; readonly record: Buffer }[];
  #state: TopicState;
  #batches: Batch[] = [];
  #ids: IdRecord | undefined;
  #isStaged = false;
  #isTrimming = false;
  #isStale = false;
  /** When the age of its messages was last checked. */
  #trimmedAt: number;

  constructor(
    state: TopicState,
    storedIds: readonly { readonly time: number; readonly record: Buffer }[],
    options: RedisTopicLogOptions,
  ) {
    this.#state = state;
    this.#storedIds = storedIds;
    this.#options = options;
    this.#trimmedAt = options.now;
    options.size.bytes += this.#bytes;
  }

  get topic(): string {
    return this.#options.topic;
  }

  get epoch(): Epoch {
    return this.#state.epoch;
  }

  get head(): number {
    return this.#state.head;
  }

  get oldest(): number {
    const { floor, head } = this.#state;
    return Math.max(floor, head - this.#options.retention.count) + 1;
  }

  get lastTime(): number {
    return this.#state.time;
  }

  /**
   * Whether a commit has failed, or Redis has lost the topic. The topic must then be opened again.
   */
  get isStale(): boolean {
    return this.#isStale;
  }

  async read(after: number, limitBytes: number): Promise<Page | undefined> {
    const { connection, keys, topicId, topic, damage } = this.#options;
    const from = Math.max(after, this.oldest - 1);
    const page = await readTopic(connection, keys, { after: from, limitBytes, epoch: this.epoch });
    if (page?.epoch !== this.epoch) {
      this.lose();
      return undefined;
    }
    const { floor } = this.#state;
    this.#state = {
      ...this.#state,
      floor: Math.max(floor, Math.min(page.oldest, this.head + 1) - 1),
    };
    const read = page.after(from, limitBytes, topicId);
    if (read instanceof Damage) damage.messages(topic, read);
    return read;
  }

  continues({ epoch }: Position): boolean {
    return epoch === this.epoch;
  }

  resolve(from: From): number | Promise<number> {
    const { connection, keys } = this.#options;
    return resolveStart(connection, keys, from, this);
  }

  append(batch: Batch, ids: IdRecord): void {
    this.#stage();
    this.#batches.push(batch);
    // The ids of all batches in a commit share one record, since no reader needs them by batch.
    if (ids.count === 0) return;
    const all = (this.#ids ??= new IdRecord());
    ids.forEach((offset, bytes, start, end) => all.add(offset, bytes, start, end));
  }

  *ids(since: number): Generator<StoredIds> {
    for (const { time, record } of this.#storedIds) {
      if (time >= since) yield { time, ids: new IdRecord(record) };
    }
  }

  trim(now: number): void {
    const { ageMs } = this.#options.retention;
    if (this.#isStale || this.#state.head === this.#state.floor) return;
    if (!this.#isOver && Math.abs(now - this.#trimmedAt) < ageMs * SLACK) return;
    this.#trimmedAt = now;
    this.#isTrimming = true;
    this.#stage();
  }

  /**
   * Sends the staged changes.
   * @throws SHARDCAST_LOG_UNAVAILABLE; Redis may or may not have stored the changes
   */
  async commit(fence: string, now: number): Promise<void> {
    const { connection, keys, retention, ids, forgetAfterMs, size, topic, cutoff } = this.#options;
    const batches = this.#batches;
    const isTrimming = this.#isTrimming || this.#isOver;
    const record = this.#ids?.bytes ?? "";
    this.#batches = [];
    this.#ids = undefined;
    this.#isStaged = false;
    this.#isTrimming = false;
    const { ageMs, count, bytes } = retention;
    // The expiry of keys only removes topics that have no owner; owners drop messages by age before
    // that.
    const keptMs = ageMs + EXPIRY_MS;
    const knownMs = Math.max(forgetAfterMs, 2 * keptMs);
    const numbers = [
      ids.ageMs,
      keptMs,
      knownMs,
      count,
      bytes,
      Math.max(0, cutoff(ageMs, Math.max(now, this.#trimmedAt))),
    ];
    const reply = await connection.run(
      APPEND,
      [keys.shard, keys.topic, keys.messages, keys.ids],
      [
        ...[fence, topic, this.epoch, String(this.head), record, ...numbers.map(String)],
        isTrimming ? "1" : "0",
        this.#options.isShownLater ? "0" : "1",
        ...batches.flatMap((batch) => [
          ...[String(batch.last), String(batch.firstTime), batch.shared.frames, checksumOf(batch)],
        ]),
      ],
    );
    const [floor, floorSum] = asTexts(reply).map(asNumber);
    const last = batches.at(-1);
    const before = this.#bytes;
    this.#state = {
      epoch: this.epoch,
      head: last?.last ?? this.head,
      time: last?.firstTime ?? this.lastTime,
      sum: batches.reduce((sum, batch) => sum + batch.bytes, this.#state.sum),
      floor: floor ?? this.#state.floor,
      floorSum: floorSum ?? this.#state.floorSum,
    };
    if (!this.#isStale) size.bytes += this.#bytes - before;
  }

  /** Makes the committed messages visible to followers. */
  async show(): Promise<void> {
    const { connection, keys, topic } = this.#options;
    const args = [topic, this.epoch, String(this.head)];
    await connection.run(SHOW, [keys.shard, keys.topic], args);
  }

  /** Marks the log as stale: another node may have appended, or a commit may have failed. */
  lose(): void {
    if (this.#isStale) return;
    this.#isStale = true;
    this.#options.size.bytes -= this.#bytes;
  }

  get #bytes(): number {
    return this.#state.sum - this.#state.floorSum;
  }

  get #isOver(): boolean {
    const { count, bytes } = this.#options.retention;
    const { head, floor } = this.#state;
    return head - floor > count * (1 + SLACK) || this.#bytes > bytes * (1 + SLACK);
  }

  #stage(): void {
    if (this.#isStaged) return;
    this.#isStaged = true;
    this.#options.staged(this);
  }
}
