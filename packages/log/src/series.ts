// One topic's records of one kind, in order: its messages, or its message ids. Knows where they begin and
// end without reading any; appends at the end, drops at the front. What it changes is staged: it becomes
// so when the store has committed it, and never was where that failed.
import { decodeKey, encodeKey, seekKey, type RecordKey } from "./record-key.ts";
import type { Store, Table } from "./store.ts";

/** Where a series begins or ends. */
export interface Mark {
  readonly offset: number;
  readonly time: number;
  readonly sum: number;
}

interface Bounds {
  /** Up to here everything was dropped. */
  readonly floor: Mark;
  readonly end: Mark;
}

/** How the oldest record is told that has to stay. */
export type IsKept = (key: RecordKey, before: Mark) => boolean;

export class Series {
  readonly #store: Store;
  readonly #table: Table;
  readonly #number: number;
  #now: Bounds;
  #staged: Bounds;

  /** @param floor what the topic's own record says was dropped */
  constructor(store: Store, table: Table, number: number, floor: Mark) {
    this.#store = store;
    this.#table = table;
    this.#number = number;
    this.#now = { floor, end: this.#readEnd() ?? floor };
    this.#staged = this.#now;
  }

  get floor(): Mark {
    return this.#now.floor;
  }

  get end(): Mark {
    return this.#now.end;
  }

  /** What is to be the floor once it is committed. */
  get stagedFloor(): Mark {
    return this.#staged.floor;
  }

  /** What all records weigh that are there, or will be. */
  get weight(): number {
    return this.#staged.end.sum - this.#staged.floor.sum;
  }

  append(last: number, time: number, weight: number, value: Buffer): void {
    const end = { offset: last, time, sum: this.#staged.end.sum + weight };
    this.#store.put(this.#table, encodeKey(this.#number, { last, time, sum: end.sum }), value);
    this.#staged = { ...this.#staged, end };
  }

  /** Drops records at the front until one is kept, or as many as may go at once. @returns how many */
  dropFront(limit: number, isKept: IsKept): number {
    let { floor } = this.#staged;
    let count = 0;
    // Only what is on disk already: what is staged is not there to be found.
    for (const key of this.#keys(floor.offset + 1, this.#now.end.offset + 1, limit)) {
      const found = decodeKey(key);
      if (isKept(found, floor)) break;
      this.#store.remove(this.#table, key);
      floor = { offset: found.last, time: found.time, sum: found.sum };
      count += 1;
    }
    if (count > 0) this.#staged = { ...this.#staged, floor };
    return count;
  }

  /** The records from the one that holds an offset, as they lie. */
  *values(offset: number): Generator<{ readonly key: RecordKey; readonly value: Buffer }> {
    const start = seekKey(this.#number, Math.max(offset, this.#now.floor.offset + 1));
    const end = seekKey(this.#number, this.#now.end.offset + 1);
    for (const { key, value } of this.#store.range(this.#table, start, end)) {
      yield { key: decodeKey(key), value };
    }
  }

  /** The last offset of the records stored before a time, found by halving; the floor's where none was. */
  offsetBefore(time: number): number {
    let low = this.#now.floor.offset + 1;
    let high = this.#now.end.offset + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = this.#keyAt(middle);
      if (found !== undefined && found.time < time) low = found.last + 1;
      else high = middle;
    }
    return low - 1;
  }

  committed(): void {
    this.#now = this.#staged;
  }

  aborted(): void {
    this.#staged = this.#now;
  }

  #keyAt(offset: number): RecordKey | undefined {
    for (const key of this.#keys(offset, this.#now.end.offset + 1, 1)) return decodeKey(key);
    return undefined;
  }

  #keys(from: number, to: number, limit: number): Iterable<Buffer> {
    const start = seekKey(this.#number, from);
    return this.#store.keys(this.#table, start, seekKey(this.#number, to), limit);
  }

  #readEnd(): Mark | undefined {
    const key = this.#store.lastKey(
      this.#table,
      seekKey(this.#number, 0),
      seekKey(this.#number + 1, 0),
    );
    if (key === undefined) return undefined;
    const { last, time, sum } = decodeKey(key);
    return { offset: last, time, sum };
  }
}
