// Entries that were sent and have no answer yet, by sequence number. They are in a ring of slots,
// so that answers in any order find their entries without a map.
//
//   slot = seq % size      oldest ─▶ [e][e][ ][e][e] ◀─ next      a hole is an entry whose answer came early

export class InFlight<Entry> {
  readonly #slots: (Entry | undefined)[];
  readonly #mask: number;
  readonly #limit: number;
  #oldest = 0;
  #next = 0;
  #count = 0;

  /**
   * @param limit the most sequence numbers from the oldest entry without an answer to the newest
   */
  constructor(limit: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, limit)));
    this.#slots = new Array<Entry | undefined>(size).fill(undefined);
    this.#mask = size - 1;
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return (this.#next - this.#oldest) >>> 0 >= this.#limit;
  }

  /** @returns the seq of the entry, a 32-bit number that wraps */
  add(entry: Entry): number {
    const seq = this.#next;
    this.#slots[seq & this.#mask] = entry;
    this.#next = (seq + 1) >>> 0;
    this.#count += 1;
    return seq;
  }

  /** Removes and returns the entry of a seq; undefined if it had its answer, or never existed. */
  take(seq: number): Entry | undefined {
    if ((seq - this.#oldest) >>> 0 >= (this.#next - this.#oldest) >>> 0) return undefined;
    const entry = this.#slots[seq & this.#mask];
    if (entry === undefined) return undefined;
    this.#slots[seq & this.#mask] = undefined;
    this.#count -= 1;
    while (this.#oldest !== this.#next && this.#slots[this.#oldest & this.#mask] === undefined) {
      this.#oldest = (this.#oldest + 1) >>> 0;
    }
    return entry;
  }

  /** All entries, the oldest first. */
  *entries(): Generator<Entry> {
    for (let seq = this.#oldest; seq !== this.#next; seq = (seq + 1) >>> 0) {
      const entry = this.#slots[seq & this.#mask];
      if (entry !== undefined) yield entry;
    }
  }

  takeWhere(isWanted: (entry: Entry) => boolean): Entry[] {
    const taken: Entry[] = [];
    const end = this.#next;
    for (let seq = this.#oldest; seq !== end; seq = (seq + 1) >>> 0) {
      const entry = this.#slots[seq & this.#mask];
      if (entry !== undefined && isWanted(entry)) {
        taken.push(entry);
        this.take(seq);
      }
    }
    return taken;
  }

  takeAll(): Entry[] {
    return this.takeWhere(() => true);
  }
}
