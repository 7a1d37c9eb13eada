// Where topics' messages are kept. A topic's code does not know which engine it has.
import type { Epoch, From } from "@shardcast/protocol";
import type { Batch } from "./batch.ts";

/** What a topic's subscribers read. Offsets are without holes from `oldest` to `head`. */
export interface ReadableLog {
  readonly epoch: Epoch;
  /** The last offset stored, 0 where nothing was. */
  readonly head: number;
  /** The first offset still retained; head + 1 where nothing is. */
  readonly oldest: number;
  /**
   * The messages after an offset, up to about `limitBytes` but at least one; undefined where there is none.
   * @throws SHARDCAST_OWNER_UNAVAILABLE where they are elsewhere and cannot be had now
   */
  read(after: number, limitBytes: number): Batch | undefined | Promise<Batch | undefined>;
  /** The offset after which a subscription that starts there begins. A position is taken at its word. */
  resolve(from: From): number | Promise<number>;
}

/** The log of one topic that this node owns. */
export interface TopicLog extends ReadableLog {
  /** Adds a batch that starts at head + 1. It may be read once it is committed. */
  append(batch: Batch): void;
  /** Drops what the retention rules no longer keep. */
  trim(now: number): void;
}

/** All topics that a node owns. */
export interface Log {
  /** The log of a topic, made empty and with a new epoch where there was none. */
  open(topic: string): TopicLog;
  /** Makes all that was appended since the last call last; undefined where it does already. */
  commit(): Promise<void> | undefined;
  /** Forgets a topic that is empty. */
  drop(topic: string): void;
  readonly bytes: number;
}

/** What a topic keeps: whatever goes beyond any of the three is trimmed, oldest first. */
export interface Retention {
  readonly count: number;
  readonly bytes: number;
  readonly ageMs: number;
}
