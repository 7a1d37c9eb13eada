// One topic's records of one kind, in order: its messages, or its message ids. Knows where they begin and
// end without reading any; appends at the end, drops at the front. What it changes is staged: it becomes
// so when the store has committed it, and never was where that failed.
import { decodeKey, encodeKey, isWhole, seekKey, type RecordKey } from "./record-key.ts";
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

/** Which series it is. */
export interface SeriesPlace {
  readonly table: Table;
  readonly number: number;
  /** What the topic's own record says was dropped. */
  readonly floor: Mark;
  /** The number was just given: nothing is stored. @default false */
  readonly isNew?: boolean;
}

/** A record as it lies. */
export interface StoredRecord {
  readonly key: RecordKey;
  readonly value: Buffer;
  /** False where it is not what was stored: neither is to be believed. */
  readonly isWhole: boolean;
}

/** How the oldest record is told that has to stay. */
export type IsKept = (key: RecordKey, before: Mark) => boolean;

const NO_END = { end: undefined, lost: [] };

export class Series {
  readonly #store: Store;
  readonly #table: Table;
  readonly #number: number;
  /** The last records were damaged, so that nobody knows where the series ended. They are removed with the next commit. */
  readonly isEndLost: boolean;
  #now: Bounds;
  #staged: Bounds;

  /**
   * @param isEnd tells of a damaged record whether its key can be believed all the same
   */
  constructor(
    store: Store,
    { table, number, floor, isNew = false }: SeriesPlace,
    isEnd: (record: StoredRecord) => boolean = () => false,
  ) {
    this.#store = store;
    this.#table = table;
    this.#number = number;
    // Of a number that was never given, there is nothing to look for.
    const { end, lost } = isNew ? NO_END : this.#readEnd(isEnd);
    for (const key of lost) store.remove(table, key);
    this.isEndLost = lost.length > 0;
    this.#now = { floor, end: end ?? floor };
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

  /** Whether no record is there. */
  get isEmpty(): boolean {
    return this.#now.end.offset === this.#now.floor.offset;
  }

  /** What all records weigh that are there, or will be. */
  get weight(): number {
    return this.#staged.end.sum - this.#staged.floor.sum;
  }

  append(
    {
      last,
      time,
      weight,
      crc,
    }: {
      readonly last: number;
      readonly time: number;
      readonly weight: number;
      /** Of the value. */
      readonly crc: number;
    },
    value: Buffer,
  ): void {
    const end = { offset: last, time, sum: this.#staged.end.sum + weight };
    this.#store.put(this.#table, encodeKey(this.#number, { last, time, sum: end.sum }, crc), value);
    this.#staged = { ...this.#staged, end };
  }

  /** Drops records at the front until one is kept, or as many as may go at once. @returns how many */
  dropFront(limit: number, isKept: IsKept): number {
    let { floor } = this.#staged;
    let count = 0;
    // Only what is on disk already: what is staged is not there to be found.
    for (const key of this.#keys(floor.offset + 1, this.#now.end.offset + 1, limit)) {
      const found = decodeKey(key);
      const isPossible = this.#isPossible(found, floor);
      if (isPossible && isKept(found, floor)) break;
      this.#store.remove(this.#table, key);
      count += 1;
      if (isPossible) floor = { offset: found.last, time: found.time, sum: found.sum };
    }
    if (count > 0) this.#staged = { ...this.#staged, floor };
    return count;
  }

  /** The records from the one that holds an offset, as they lie. */
  *values(offset: number): Generator<StoredRecord> {
    const start = seekKey(this.#number, Math.max(offset, this.#now.floor.offset + 1));
    const end = seekKey(this.#number, this.#now.end.offset + 1);
    for (const { key, value } of this.#store.range(this.#table, start, end)) {
      yield storedRecord(key, value);
    }
  }

  /** The last offset of the records stored before a time, found by halving; the floor's where none was. */
  offsetBefore(time: number): number {
    let low = this.#now.floor.offset + 1;
    let high = this.#now.end.offset + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = this.#keyAt(middle);
      // A damaged key may say anything; the search ends all the same.
      if (found !== undefined && found.time < time) low = Math.max(found.last, middle) + 1;
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

  /** Whether a key fits in where it lies. To check its value as well would cost as much as to read it. */
  #isPossible({ last, sum }: RecordKey, floor: Mark): boolean {
    const { end } = this.#now;
    return last > floor.offset && last <= end.offset && sum > floor.sum && sum <= end.sum;
  }

  /** The last record that can be believed, and the keys behind it. */
  #readEnd(isEnd: (record: StoredRecord) => boolean): {
    readonly end: Mark | undefined;
    readonly lost: readonly Buffer[];
  } {
    const [start, end] = [seekKey(this.#number, 0), seekKey(this.#number + 1, 0)];
    const lost: Buffer[] = [];
    for (const { key, value } of this.#store.backwards(this.#table, start, end)) {
      const record = storedRecord(key, value);
      const { last, time, sum } = record.key;
      if (record.isWhole || isEnd(record)) return { end: { offset: last, time, sum }, lost };
      lost.push(key);
    }
    return { end: undefined, lost };
  }
}

function storedRecord(key: Buffer, value: Buffer): StoredRecord {
  return { key: decodeKey(key), value, isWhole: isWhole(key, value) };
}
