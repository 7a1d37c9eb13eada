// The message ids of a topic's last minutes. Two generations: looking up asks both, and when one has had
// its time, the elder is dropped whole. So an id is known for one to two windows, and forgetting costs nothing.

import { IdTable, hashId } from "./id-table.ts";

/** Where a message is, and since when. */
export interface Stored {
  readonly offset: number;
  readonly time: number;
}

export interface DedupeOptions {
  /** How long an id is known at the least. @default 120_000 */
  readonly windowMs: number;
  /** Ids of one generation; with more, the window is cut short. @default 200_000 */
  readonly maxIds: number;
}

/** A table with more room than this for each id that comes is let go. */
const MAX_ROOM = 8;

export class DedupeWindow {
  readonly #options: DedupeOptions;
  #young: IdTable | undefined;
  #old: IdTable | undefined;
  #turnsAt = 0;

  constructor(options: DedupeOptions) {
    this.#options = options;
  }

  /** Nothing is known: to begin anew would make no difference. */
  get isEmpty(): boolean {
    return (this.#young?.size ?? 0) + (this.#old?.size ?? 0) === 0;
  }

  /** The hash of the id between two indexes, which is to be claimed soon: for all ids of a batch, one after another. */
  prepare(bytes: Uint8Array, start: number, end: number): number {
    const hash = hashId(bytes, start, end);
    this.#young?.touch(hash);
    this.#old?.touch(hash);
    return hash;
  }

  /**
   * Takes the id between two indexes for a message, unless it is known.
   * @param hash of the id, from `prepare`
   * @returns the offset under which it was stored before
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

  /** For a message that was not stored after all. */
  delete(bytes: Uint8Array, start: number, end: number): void {
    const hash = hashId(bytes, start, end);
    this.#young?.delete(hash, bytes, start, end);
    this.#old?.delete(hash, bytes, start, end);
  }

  /** Drops what has had its time. */
  expire(now: number): void {
    if (now < this.#turnsAt && (this.#young?.size ?? 0) < this.#options.maxIds) return;
    const isIdle = now >= this.#turnsAt + this.#options.windowMs;
    const spent = this.#old;
    this.#old = isIdle ? undefined : this.#young;
    this.#young = undefined;
    // A table grows from small to large by copying: as long as as many ids come, one that is large is used again.
    if (spent !== undefined && this.#old !== undefined && spent.room <= MAX_ROOM * this.#old.size) {
      spent.clear();
      this.#young = spent;
    }
    this.#turnsAt = now + this.#options.windowMs;
  }
}
