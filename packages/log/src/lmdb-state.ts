// The state in the store, beside what the store keeps of itself: keys there begin with a colon. A write goes
// to disk with whatever else waits for it.
import { ShardcastError } from "@shardcast/protocol";
import { rangeAfter } from "./name-order.ts";
import {
  checkStateEntry,
  checkStateKey,
  promised,
  type StateEntry,
  type StateStore,
} from "./state-store.ts";
import type { Store } from "./store.ts";

const TABLE = "state";
const MARK = ":";

export class LmdbState implements StateStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get(key: string): Promise<string | undefined> {
    return promised(() => {
      checkStateKey(key);
      return this.#read(() => this.#store.get(TABLE, storedKey(key))?.toString("utf8"));
    });
  }

  async set(entries: Iterable<StateEntry>): Promise<void> {
    const all = [...entries];
    all.forEach(checkStateEntry);
    await this.#store.write(
      all.map(([key, value]) => ({
        table: TABLE,
        key: storedKey(key),
        value: Buffer.from(value),
      })),
    );
  }

  async delete(keys: Iterable<string>): Promise<void> {
    const all = [...keys];
    all.forEach(checkStateKey);
    await this.#store.write(
      all.map((key) => ({ table: TABLE, key: storedKey(key), value: undefined })),
    );
  }

  list(prefix: string, after: string, limit: number): Promise<readonly StateEntry[]> {
    return promised(() => this.#read(() => this.#list(prefix, after, limit)));
  }

  #list(prefix: string, after: string, limit: number): StateEntry[] {
    const entries: StateEntry[] = [];
    for (const { key, value } of storedEntries(this.#store, prefix, after)) {
      if (entries.length >= limit) break;
      entries.push([key.toString("utf8", MARK.length), value.toString("utf8")]);
    }
    return entries;
  }

  #read<Value>(read: () => Value): Value {
    try {
      return read();
    } catch (cause) {
      const code = this.#store.isClosed ? "SHARDCAST_LOG_UNAVAILABLE" : "SHARDCAST_LOG_CORRUPT";
      throw new ShardcastError(code, cause instanceof Error ? cause.message : "", { cause });
    }
  }
}

/** Entries as they lie in the store. */
export function storedEntries(
  store: Store,
  prefix = "",
  after = "",
): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
  const { start, end } = rangeAfter(MARK + prefix, MARK + after);
  return store.range(TABLE, start, end);
}

function storedKey(key: string): Buffer {
  return Buffer.from(MARK + key);
}
