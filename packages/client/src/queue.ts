// A first-in, first-out queue. `shift` does not move the remaining items.

/** Number of removed items at the front that makes copying the rest worthwhile. */
const CUT_FROM = 1024;

export class Queue<Item extends object> {
  #items: (Item | undefined)[];
  #start = 0;

  constructor(items: Item[] = []) {
    this.#items = items;
  }

  get size(): number {
    return this.#items.length - this.#start;
  }

  get first(): Item | undefined {
    return this.#items[this.#start];
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** Inserts items before all others, in their order. */
  pushFront(items: readonly Item[]): void {
    this.#items = [...items, ...this];
    this.#start = 0;
  }

  shift(): Item | undefined {
    const item = this.#items[this.#start];
    if (item === undefined) return undefined;
    this.#items[this.#start] = undefined;
    this.#start += 1;
    if (this.#start === this.#items.length) this.clear();
    else if (this.#start >= CUT_FROM && 2 * this.#start > this.#items.length) {
      this.#items = this.#items.slice(this.#start);
      this.#start = 0;
    }
    return item;
  }

  clear(): void {
    this.#items = [];
    this.#start = 0;
  }

  *[Symbol.iterator](): Generator<Item> {
    for (let at = this.#start; at < this.#items.length; at += 1) {
      const item = this.#items[at];
      if (item !== undefined) yield item;
    }
  }
}
