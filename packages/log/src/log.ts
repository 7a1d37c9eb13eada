// Where topics' messages are kept. A topic's code does not know which engine it has.
import type { Epoch, From, Position } from "@shardcast/protocol";
import type { Batch } from "./batch.ts";
import type { Damage } from "./damage.ts";
import type { IdRecord } from "./id-record.ts";
import type { StateStore } from "./state-store.ts";

/** Time as a log goes by it. */
export interface LogClock {
  /** Now, in ms since 1970. @default Date.now */
  readonly now?: () => number;
  /**
   * The latest time of what is older than so many ms for certain, in ms since 1970: a clock that is wrong for some
   * seconds makes nothing old. @default now less the age
   */
  readonly cutoff?: (ageMs: number) => number;
}

/** How long a topic that has become empty keeps its epoch: a client that missed nothing is told so. */
export const FORGET_AFTER_MS = 24 * 60 * 60 * 1000;

/** What a read gives: messages, or which of them are damaged; the next ones follow after those. */
export type Page = Batch | Damage;

/** What a topic's subscribers read. Offsets are without holes from `oldest` to `head`. */
export interface ReadableLog {
  readonly epoch: Epoch;
  /** The last offset stored, 0 where nothing was. */
  readonly head: number;
  /** The first offset still retained; head + 1 where nothing is. */
  readonly oldest: number;
  /**
   * The messages after an offset, up to about `limitBytes` but at least one; undefined where there is none.
   * Damaged ones are never given: a read that would begin with them tells which they are.
   * @throws SHARDCAST_OWNER_UNAVAILABLE, SHARDCAST_LOG_UNAVAILABLE where they cannot be had now
   */
  read(after: number, limitBytes: number): Page | undefined | Promise<Page | undefined>;
  /**
   * Whether a position is one of this log: of its epoch, or told of the topic before it had messages. Where it is
   * not, messages may be missing that nobody knows of.
   */
  continues(position: Position): boolean;
  /** The offset after which a subscription that starts there begins. A position is taken at its word. */
  resolve(from: From): number | Promise<number>;
}

/** The message ids that one batch brought, packed by `IdRecord`. */
export interface StoredIds {
  /** Of the batch, by the owner's clock, in ms since 1970. */
  readonly time: number;
  readonly ids: IdRecord;
}

/** The log of one topic that this node owns. */
export interface TopicLog extends ReadableLog {
  /**
   * Whether a commit has failed in a way that leaves open what is stored: then the log is opened again, and
   * this one is of no use any more.
   */
  readonly isStale: boolean;
  /** When the newest message was stored, or the log was made, in ms since 1970. */
  readonly lastTime: number;
  /**
   * Adds a batch that follows all that was appended before. It is part of the log, with its ids, once it
   * is committed; where that fails, it never was.
   */
  append(batch: Batch, ids: IdRecord): void;
  /** Whether it remembers ids beyond the end of the process. */
  readonly hasIds: boolean;
  /** The ids of messages stored since a time that this log remembers by itself, oldest first. */
  ids(since: number): Iterable<StoredIds>;
  /** Drops what the retention rules no longer keep. What is on disk goes with the next commit. */
  trim(now: number): void;
}

/** All topics that a node owns. */
export interface Log {
  /**
   * The log of a topic, empty and with a new epoch where there was none. It becomes one by its first message: nothing
   * is stored of a topic that is only followed or read.
   * @param topicId what messages that are read name as their topic on the wire
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
  open(topic: string, topicId: number): TopicLog | Promise<TopicLog>;
  /** Topics of one lane are committed together, and whatever happens to those of others. */
  laneOf(topic: string): number;
  /**
   * Makes all last that was appended to a lane's topics since the last call; undefined where it does already.
   * One at a time. A commit that fails leaves the log as it was before the appends, or the topics' logs stale.
   * @throws SHARDCAST_LOG_UNAVAILABLE, SHARDCAST_NOT_OWNER where another node owns the topics
   */
  commit(lane: number): Promise<void> | undefined;
  /** Lets go of a topic that nobody uses; false where that would lose something. */
  release(topic: string, now: number): boolean;
  /**
   * Names of topics that the log has a record of, in the order of their UTF-8, after a name ("" from the
   * start): `limit` at the most, and fewer only where no more follow. A topic is among them from its first message
   * on until it is forgotten; so are the system's own (`$…`). On disk and in memory they are the topics that this node has, or had while it owned them; in
   * Redis, those of the whole cluster.
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
  topics(after: string, limit: number): readonly string[] | Promise<readonly string[]>;
  /** What is kept in the engine beside the topics. */
  readonly state: StateStore;
  /** A short piece of the work that is nobody's errand: trimming topics that are not open. */
  tidy(now: number): void;
  /** Why nothing can be stored until the node is started again; undefined where it can. */
  readonly fault: string | undefined;
  /** Bytes of messages kept. */
  readonly bytes: number;
  /** Those of them that are in memory to be sent again soon. */
  readonly tailBytes: number;
  close(): Promise<void>;
}
