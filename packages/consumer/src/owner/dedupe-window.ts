// The message ids of a topic's last minutes, in two generations. A lookup searches both; when a
// generation's time is over, the older one is dropped as a whole. So an id is known for one to two
// windows, and forgetting ids costs nothing.

import { IdTable, hashId } from "./id-table.ts";

/** The offset of a message, and the time when it was stored. */
export interface Stored {
  readonly offset: number;
  readonly time: number;
}

export interface DedupeOptions {
  /** The least time that an id is known, in ms. @default 120_000 */
  readonly windowMs: number;
  /** The most ids of one generation; if there are more, the window is shortened. @default 200_000 */
  readonly maxIds: number;
}

/** A table with more than this many places per id is not used again. */
const MAX_ROOM = 8;

export class DedupeWindow {
  readonly #options: DedupeOptions;
  #young: IdTable | undefined;
  #old: IdTable | undefined;
  #turnsAt = 0;

  constructor(options: DedupeOptions) {
    this.#options = options;
  }

  /** Whether no id is known, so that a new window would make no difference. */
  get isEmpty(): boolean {
    return (this.#young?.size ?? 0) + (this.#old?.size ?? 0) === 0;
  }

  /**
   * Returns the hash of the id between two indexes, and prefetches its slots. Call it for all ids
   * of a batch before claiming them.
   */
  prepare(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashId(bytes, start, end);
    this.#young?.touch(hash);
    this.#old?.touch(hash);
    return hash;
  }

  /**
   * Claims the id between two indexes for a message, unless it is known.
   * @param hash of the id, from `prepare`
   * @returns the offset of the message that was stored with the id; undefined if the id was new
   */
  claim(
    hash: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    stored: Stored,
  ): number | undefined {
    this.expire(stored.time);
    const known = this.#old?.get(hash, bytes, start, end);
    if (known !== undefined) return known;
    this.#young ??= new IdTable();
    return this.#young.add(hash, bytes, start, end, stored.offset);
  }

  /** Removes the id of a message that was not stored after all. */
  delete(bytes: Uint8Array, start: number, end: number): void {
    const hash = hashId(bytes, start, end);
    this.#young?.delete(hash, bytes, start, end);
    this.#old?.delete(hash, bytes, start, end);
  }

  /** Drops ids whose time is over. */
  expire(now: number): void {
    if (now < this.#turnsAt && (this.#young?.size ?? 0) < this.#options.maxIds) return;
    const isIdle = now >= this.#turnsAt + this.#options.windowMs;
    const spent = this.#old;
    this.#old = isIdle ? undefined : this.#young;
    this.#young = undefined;
    // Growing a table copies it. As long as the number of ids stays similar, use a large table
    // again.
    if (spent !== undefined && this.#old !== undefined && spent.room <= MAX_ROOM * this.#old.size) {
      spent.clear();
      this.#young = spent;
    }
    this.#turnsAt = now + this.#options.windowMs;
  }
}
