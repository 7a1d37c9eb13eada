// What is sent and not answered yet, by sequence number: a ring of slots, so that an answer finds its
// entry, in whatever order answers come, without a map.
//
//   slot = seq % size      oldest ─▶ [e][e][ ][e][e] ◀─ next      a hole is an answer that came early

export class InFlight<Entry> {
  readonly #slots: (Entry | undefined)[];
  readonly #mask: number;
  readonly #limit: number;
  #oldest = 0;
  #next = 0;
  #count = 0;

  /** @param limit from the oldest without an answer to the newest, at the most */
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

  /** @returns the seq that the entry has from now on, a 32-bit number that wraps */
  add(entry: Entry): number {
    const seq = this.#next;
    this.#slots[seq & this.#mask] = entry;
    this.#next = (seq + 1) >>> 0;
    this.#count += 1;
    return seq;
  }

  /** Removes the entry of a seq; undefined where it has had its answer, or never was. */
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

  /** All entries, oldest first. */
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
