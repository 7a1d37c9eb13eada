// A key-value store in the log's engine, for small texts of a node's components, such as the
// progress of a delivery. It is not meant for messages, and does not notify of changes.
import { isWellFormed } from "@shardcast/protocol";

export const MAX_STATE_KEY_BYTES = 1024;
export const MAX_STATE_VALUE_BYTES = 64 * 1024;

export type StateEntry = readonly [key: string, value: string];

/**
 * Texts by key. A key has 1 to 1,024 bytes of UTF-8, a value up to 65,536; callers must limit the
 * number of entries. On disk and in memory, the entries belong to this node; in Redis, all nodes of
 * the cluster share them, and the last write to a key wins.
 *
 * A read returns the values of writes that have resolved. To write a key again, wait for the write
 * before it; otherwise either one may be the last.
 *
 * @throws SHARDCAST_LOG_UNAVAILABLE if the engine cannot be read or written: the disk is full,
 * Redis is out of reach, or the log is closed. A write may be retried at any time.
 * @throws SHARDCAST_LOG_CORRUPT if a stored value cannot be read
 * @throws RangeError if a key or a value exceeds its limit; nothing is written then
 */
export interface StateStore {
  /** The value of a key; undefined if it does not exist. */
  get(key: string): Promise<string | undefined>;
  /**
   * Writes entries, and resolves when they are as safe as an acked message: synced to disk, in
   * Redis and its replicas, or in memory. Calls made during a disk write are committed together. If
   * it fails, nothing is written on disk; in Redis, some entries may be.
   */
  set(entries: Iterable<StateEntry>): Promise<void>;
  /** Deletes keys, with the same guarantees as `set`. Keys that do not exist are ignored. */
  delete(keys: Iterable<string>): Promise<void>;
  /**
   * At most `limit` entries whose keys begin with a prefix ("" for all) and sort after a key ("" to
   * start at the first), ordered by the keys' UTF-8; fewer only if no more follow.
   */
  list(prefix: string, after: string, limit: number): Promise<readonly StateEntry[]>;
}

/** @throws RangeError */
export function checkStateKey(key: string): void {
  const bytes = Buffer.byteLength(key);
  if (bytes < 1 || bytes > MAX_STATE_KEY_BYTES) {
    throw new RangeError(`a state's key has 1 to ${MAX_STATE_KEY_BYTES} bytes, not ${bytes}`);
  }
  if (!isWellFormed(key)) throw new RangeError("a state's key has half of a surrogate pair");
}

/** @throws RangeError */
export function checkStateEntry([key, value]: StateEntry): void {
  checkStateKey(key);
  const bytes = Buffer.byteLength(value);
  if (bytes > MAX_STATE_VALUE_BYTES) {
    throw new RangeError(`a state's value has up to ${MAX_STATE_VALUE_BYTES} bytes, not ${bytes}`);
  }
  if (!isWellFormed(value)) throw new RangeError("a state's value has half of a surrogate pair");
}

/**
 * Runs a synchronous function and returns its result or exception as a promise, so that all engines
 * have the same interface.
 */
export function promised<Value>(work: () => Value): Promise<Value> {
  return new Promise((resolve) => {
    resolve(work());
  });
}
