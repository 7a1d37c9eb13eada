// Stores topics and their messages. The callers do not depend on the engine.
import type { Epoch, From, Position } from "@shardcast/protocol";
import type { Batch } from "./batch.ts";
import type { Damage } from "./damage.ts";
import type { IdRecord } from "./id-record.ts";
import type { StateStore } from "./state-store.ts";

/** The clock of a log. */
export interface LogClock {
  /** Now, in ms since 1970. @default Date.now */
  readonly now?: () => number;
  /**
   * Messages stored at or before the returned time, in ms since 1970, are certainly older than
   * `ageMs`, even if the clock is wrong by a few seconds. @default now minus the age
   */
  readonly cutoff?: (ageMs: number) => number;
}

/** How long an empty topic keeps its epoch, so that a client that missed nothing can resume. */
export const FORGET_AFTER_MS = 24 * 60 * 60 * 1000;

/**
 * The result of a read: messages, or a range of damaged messages. The next read continues after it.
 */
export type Page = Batch | Damage;

/** The part of a topic's log that subscribers read. It has every offset from `oldest` to `head`. */
export interface ReadableLog {
  readonly epoch: Epoch;
  /** The last offset stored; 0 if there is none. */
  readonly head: number;
  /** The first retained offset; head + 1 if there is none. */
  readonly oldest: number;
  /**
   * The messages after an offset: about `limitBytes` of them, at least one; undefined if there are
   * none. If the next messages are damaged, returns their range instead.
   * @throws SHARDCAST_OWNER_UNAVAILABLE, SHARDCAST_LOG_UNAVAILABLE if they are unavailable now
   */
  read(after: number, limitBytes: number): Page | undefined | Promise<Page | undefined>;
  /**
   * Whether a position belongs to this log: it has the log's epoch, or an epoch issued before the
   * topic had messages. Otherwise an unknown number of messages may be missing.
   */
  continues(position: Position): boolean;
  /**
   * The offset after which a subscription from `from` starts. A position is not checked against the
   * log.
   */
  resolve(from: From): number | Promise<number>;
}

/** The message ids of one batch, packed by `IdRecord`. */
export interface StoredIds {
  /** The batch's time by the owner's clock, in ms since 1970. */
  readonly time: number;
  readonly ids: IdRecord;
}

/** The log of one topic that this node owns. */
export interface TopicLog extends ReadableLog {
  /**
   * Whether a failed commit left it unknown what is stored. The topic must then be opened again,
   * and this log not used further.
   */
  readonly isStale: boolean;
  /** The time of the newest message, or of the log's creation, in ms since 1970. */
  readonly lastTime: number;
  /**
   * Appends a batch, which must follow all earlier appends, and its ids. It becomes part of the log
   * when it is committed; if the commit fails, it is discarded.
   */
  append(batch: Batch, ids: IdRecord): void;
  /** Whether the log remembers message ids after the process ends. */
  readonly hasIds: boolean;
  /** The remembered ids of messages stored since a time, oldest first. */
  ids(since: number): Iterable<StoredIds>;
  /** Drops what the retention rules no longer keep. On disk, the next commit removes it. */
  trim(now: number): void;
}

/** The logs of all topics that a node owns. */
export interface Log {
  /**
   * Opens the log of a topic, empty and with a new epoch if the topic is unknown. The log stores a
   * topic from its first message on: a topic that is only followed or read leaves no record.
   * @param topicId written as the topic into messages that are read
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
  open(topic: string, topicId: number): TopicLog | Promise<TopicLog>;
  /** Topics of one lane are committed together; each lane is independent of the others. */
  laneOf(topic: string): number;
  /**
   * Commits all appends to a lane's topics since the last call; undefined if they are already
   * permanent. Only one commit per lane may run at a time. A failed commit discards the appends, or
   * leaves the topics' logs stale.
   * @throws SHARDCAST_LOG_UNAVAILABLE, SHARDCAST_NOT_OWNER if another node owns the topics
   */
  commit(lane: number): Promise<void> | undefined;
  /** Closes a topic that is not in use; false if that would lose something. */
  release(topic: string, now: number): boolean;
  /**
   * At most `limit` topic names after a name ("" to start at the first), ordered by their UTF-8;
   * fewer only if no more follow. A topic is listed from its first message until it is forgotten,
   * including the system's own (`$…`). On disk and in memory, the list has the topics that this
   * node owns or has owned; in Redis, those of the whole cluster.
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
  topics(after: string, limit: number): readonly string[] | Promise<readonly string[]>;
  /** The key-value store in the same engine. */
  readonly state: StateStore;
  /** Does a short piece of maintenance: trims topics that are not open. */
  tidy(now: number): void;
  /** Why the log cannot store anything until the node restarts; undefined if it can. */
  readonly fault: string | undefined;
  /** Bytes of messages kept. */
  readonly bytes: number;
  /** Bytes of messages that are in memory, ready to be sent again. */
  readonly tailBytes: number;
  close(): Promise<void>;
}
