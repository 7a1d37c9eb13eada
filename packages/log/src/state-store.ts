// What the parts of a node keep in the log's engine beside the messages: small texts by key, such as how far
// a delivery is. Not for messages, and nothing is told of a change.
import { isWellFormed } from "@shardcast/protocol";

export const MAX_STATE_KEY_BYTES = 1024;
export const MAX_STATE_VALUE_BYTES = 64 * 1024;

export type StateEntry = readonly [key: string, value: string];

/**
 * Texts by key. A key has 1 to 1,024 bytes of UTF-8, a value up to 65,536; how many there are, whoever puts
 * them there has to limit. On disk and in memory they are this node's; in Redis all nodes of the cluster share
 * them, and the last that writes a key wins.
 *
 * What is read is what was written by calls that have resolved. Whoever writes a key again waits for the write
 * before; else either may be the last.
 *
 * @throws SHARDCAST_LOG_UNAVAILABLE where the engine cannot be asked or written: the disk is full, Redis is
 *   away, the log is closed. A write may be tried again at any time.
 * @throws SHARDCAST_LOG_CORRUPT where what was stored cannot be read
 * @throws RangeError where a key or a value is beyond its limit: then nothing is written
 */
export interface StateStore {
  /** The value of a key; undefined where there is none. */
  get(key: string): Promise<string | undefined>;
  /**
   * Writes entries, and resolves when they are as safe as a message that is acked: synced, in Redis and in
   * its replicas, or in memory. Calls that come while the disk is at work are one commit together. Where it
   * fails, nothing is written on disk; in Redis, some may be.
   */
  set(entries: Iterable<StateEntry>): Promise<void>;
  /** Takes keys away, as `set` writes them. Those that are not there do no harm. */
  delete(keys: Iterable<string>): Promise<void>;
  /**
   * The entries whose keys begin with a prefix ("" for all) and follow a key ("" from the start), in the order
   * of the keys' UTF-8: `limit` at the most, and fewer only where no more follow.
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

/** What a function gives or throws, as a promise: that an engine need not wait for it, nobody has to know. */
export function promised<Value>(work: () => Value): Promise<Value> {
  return new Promise((resolve) => {
    resolve(work());
  });
}
