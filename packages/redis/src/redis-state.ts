// The key-value store in Redis. Keys are hashed to 64 parts, each with a hash of the values and a
// sorted set of the keys, so that a list is a range query and not a scan of the whole database.
import {
  checkStateEntry,
  checkStateKey,
  compareNames,
  type StateEntry,
  type StateStore,
} from "@shardcast/log";
import { shardOf } from "@shardcast/protocol";
import type { Keys, StateKeys } from "./keys.ts";
import { mergedPage } from "./merged-pages.ts";
import type { Argument, RedisConnection, Script } from "./redis-connection.ts";
import { asText, asTexts } from "./reply.ts";
import { STATE_DELETE, STATE_LIST, STATE_SET } from "./state-scripts.ts";

/**
 * Few enough to query all of them for a list, and enough to spread them over the masters of a
 * cluster.
 */
const PART_COUNT = 64;
/** Sorts after all UTF-8. */
const LAST = Buffer.of(0xff);

export interface RedisStateOptions {
  readonly connection: RedisConnection;
  readonly keys: Keys;
  /** The number of replicas that must have a write before it resolves. */
  readonly replicas: number;
}

export class RedisState implements StateStore {
  readonly #options: RedisStateOptions;
  readonly #parts: readonly StateKeys[];

  constructor(options: RedisStateOptions) {
    this.#options = options;
    this.#parts = Array.from({ length: PART_COUNT }, (_, part) => options.keys.state(part));
  }

  async get(key: string): Promise<string | undefined> {
    checkStateKey(key);
    const { values } = this.#options.keys.state(partOf(key));
    const value = await this.#options.connection.command(values, ["HGET", values, key]);
    return value === null ? undefined : asText(value);
  }

  async set(entries: Iterable<StateEntry>): Promise<void> {
    const all = [...entries];
    all.forEach(checkStateEntry);
    await this.#write(STATE_SET, all);
  }

  async delete(keys: Iterable<string>): Promise<void> {
    const all = [...keys];
    all.forEach(checkStateKey);
    await this.#write(
      STATE_DELETE,
      all.map((key) => [key]),
    );
  }

  list(prefix: string, after: string, limit: number): Promise<readonly StateEntry[]> {
    const { connection } = this.#options;
    const end = Buffer.concat([Buffer.from(`(${prefix}`), LAST]);
    const places = this.#parts.map(({ values, keys }) => async (from: string, count: number) => {
      const start = compareNames(from, prefix) < 0 ? `[${prefix}` : `(${from}`;
      const args = [start, end, String(count)];
      return pairsOf(asTexts(await connection.run(STATE_LIST, [values, keys], args)));
    });
    return mergedPage(places, ([key]) => key, { after, limit });
  }

  /** Writes each part with one script, which is atomic. */
  async #write(script: Script, lines: readonly (readonly [string, ...string[]])[]): Promise<void> {
    const { connection, replicas } = this.#options;
    const shares = new Map<number, Argument[]>();
    for (const line of lines) {
      const part = partOf(line[0]);
      const share = shares.get(part);
      if (share === undefined) shares.set(part, [...line]);
      else share.push(...line);
    }
    const done = await Promise.allSettled(
      Array.from(shares, async ([part, args]) => {
        const { values, keys } = this.#options.keys.state(part);
        await connection.run(script, [values, keys], args);
        await connection.replicated(values, replicas);
      }),
    );
    const failed = done.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
}

function partOf(key: string): number {
  return shardOf(key) % PART_COUNT;
}

function pairsOf(texts: readonly string[]): StateEntry[] {
  return texts.flatMap((key, index): StateEntry[] =>
    index % 2 === 0 ? [[key, texts[index + 1] ?? ""]] : [],
  );
}
