// The key-value store on disk. Its entries are in the table of the store's own state, under keys
// that begin with a colon. A write is committed together with all other pending writes.
//
//   +------------+------+-------+
//   | text       | 0xff | crc   |   CRC-32 of the key, then of the text
//   +------------+------+-------+
//
// Version 1 of the folder stored only the text. No UTF-8 contains 0xff, so the two formats are
// distinct.
import { crc32 } from "node:zlib";
import { ShardcastError, readUint32, writeUint32 } from "@shardcast/protocol";
import type { DamageTally } from "./damage.ts";
import { rangeAfter } from "./name-order.ts";
import {
  checkStateEntry,
  checkStateKey,
  promised,
  type StateEntry,
  type StateStore,
} from "./state-store.ts";
import type { RecordSource, Store } from "./store.ts";

const TABLE = "state";
const MARK = ":";
const CHECK_MARK = 0xff;
const CHECK_BYTES = 5;

export class LmdbState implements StateStore {
  readonly #store: Store;
  readonly #damage: DamageTally;

  /** @param damage collects damaged entries, which are treated as missing */
  constructor(store: Store, damage: DamageTally) {
    this.#store = store;
    this.#damage = damage;
  }

  get(key: string): Promise<string | undefined> {
    return promised(() => {
      checkStateKey(key);
      return this.#read(() => {
        const stored = this.#store.get(TABLE, storedKey(key));
        return stored === undefined ? undefined : this.#textOf(storedKey(key), stored);
      });
    });
  }

  async set(entries: Iterable<StateEntry>): Promise<void> {
    const all = [...entries];
    all.forEach(checkStateEntry);
    await this.#store.write(
      all.map(([key, value]) => ({
        table: TABLE,
        key: storedKey(key),
        value: storedValue(storedKey(key), value),
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
      const text = this.#textOf(key, value);
      if (text !== undefined) entries.push([key.toString("utf8", MARK.length), text]);
    }
    return entries;
  }

  #textOf(key: Buffer, value: Buffer): string | undefined {
    const text = textOfEntry(key, value);
    if (text === undefined) {
      this.#damage.found({ topic: "", what: `the state ${key.toString("utf8", MARK.length)}` });
    }
    return text;
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

/** Decodes a stored entry; undefined if it is damaged. */
export function textOfEntry(key: Uint8Array, value: Buffer): string | undefined {
  const end = value.length - CHECK_BYTES;
  if (end < 0 || value[end] !== CHECK_MARK) {
    return value.includes(CHECK_MARK) ? undefined : value.toString("utf8");
  }
  const isWhole = readUint32(value, end + 1) === crc32(value.subarray(0, end), crc32(key));
  return isWhole ? value.toString("utf8", 0, end) : undefined;
}

/** Entries as stored, without decoding. */
export function storedEntries(
  store: RecordSource,
  prefix = "",
  after = "",
): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
  const { start, end } = rangeAfter(MARK + prefix, MARK + after);
  return store.range(TABLE, start, end);
}

function storedValue(key: Uint8Array, text: string): Buffer {
  const end = Buffer.byteLength(text);
  const value = Buffer.alloc(end + CHECK_BYTES);
  value.write(text);
  value[end] = CHECK_MARK;
  writeUint32(value, end + 1, crc32(value.subarray(0, end), crc32(key)));
  return value;
}

function storedKey(key: string): Buffer {
  return Buffer.from(MARK + key);
}
