// The records of one topic in one table, in order: its messages or its message ids. Knows the first
// and last offset without reading records; appends at the end, drops from the front. Changes are
// staged: they apply when the store has committed them, and are discarded if the commit fails.
import { decodeKey, encodeKey, isWhole, seekKey, type RecordKey } from "./record-key.ts";
import type { Store, Table } from "./store.ts";

/** The start or the end of a series. */
export interface Mark {
  readonly offset: number;
  readonly time: number;
  readonly sum: number;
}

interface Bounds {
  /** All records up to here were dropped. */
  readonly floor: Mark;
  readonly end: Mark;
}

export interface SeriesPlace {
  readonly table: Table;
  readonly number: number;
  /** The floor in the topic's own record. */
  readonly floor: Mark;
  /** The number was just assigned: the store has no records for it. @default false */
  readonly isNew?: boolean;
}

/** A record as stored. */
export interface StoredRecord {
  readonly key: RecordKey;
  readonly value: Buffer;
  /** Whether the checksum matches. If not, neither the key nor the value can be trusted. */
  readonly isWhole: boolean;
}

/** Whether to keep a record. Dropping stops at the first record that is kept. */
export type IsKept = (key: RecordKey, before: Mark) => boolean;

const NO_END = { end: undefined, lost: [] };

export class Series {
  readonly #store: Store;
  readonly #table: Table;
  readonly #number: number;
  /**
   * Whether the last records were damaged, so that the end of the series is unknown. The next
   * commit removes them.
   */
  readonly isEndLost: boolean;
  #now: Bounds;
  #staged: Bounds;

  /** @param isEnd whether the key of a damaged record can still be trusted. Default: never */
  constructor(
    store: Store,
    { table, number, floor, isNew = false }: SeriesPlace,
    isEnd: (record: StoredRecord) => boolean = () => false,
  ) {
    this.#store = store;
    this.#table = table;
    this.#number = number;
    // A new number has no records to look for.
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

  /** The floor after the next commit. */
  get stagedFloor(): Mark {
    return this.#staged.floor;
  }

  /** Whether the series has no committed records. */
  get isEmpty(): boolean {
    return this.#now.end.offset === this.#now.floor.offset;
  }

  /** The total size of all records, including staged ones. */
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
      /** CRC-32 of the value. */
      readonly crc: number;
    },
    value: Buffer,
  ): void {
    const end = { offset: last, time, sum: this.#staged.end.sum + weight };
    this.#store.put(this.#table, encodeKey(this.#number, { last, time, sum: end.sum }, crc), value);
    this.#staged = { ...this.#staged, end };
  }

  /**
   * Drops records from the front until one is kept, or `limit` are dropped.
   * @returns the number of dropped records
   */
  dropFront(limit: number, isKept: IsKept): number {
    let { floor } = this.#staged;
    let count = 0;
    // Looks at committed records only: staged records are not in the store yet.
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

  /** The records as stored, from the one that contains an offset. */
  *values(offset: number): Generator<StoredRecord> {
    const start = seekKey(this.#number, Math.max(offset, this.#now.floor.offset + 1));
    const end = seekKey(this.#number, this.#now.end.offset + 1);
    for (const { key, value } of this.#store.range(this.#table, start, end)) {
      yield storedRecord(key, value);
    }
  }

  /**
   * The last offset of the records stored before a time, by binary search; the floor's offset if
   * there is none.
   */
  offsetBefore(time: number): number {
    let low = this.#now.floor.offset + 1;
    let high = this.#now.end.offset + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const found = this.#keyAt(middle);
      // A damaged key can have any time; the search ends regardless.
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

  /**
   * Whether a key is plausible between its neighbours. Checking its value too would cost as much as
   * reading it.
   */
  #isPossible({ last, sum }: RecordKey, floor: Mark): boolean {
    const { end } = this.#now;
    return last > floor.offset && last <= end.offset && sum > floor.sum && sum <= end.sum;
  }

  /** The last record that can be trusted, and the keys after it. */
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
