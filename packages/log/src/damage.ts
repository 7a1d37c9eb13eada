// Reports of damaged messages: stored messages whose checksum does not match or that cannot be
// decoded. The log skips them and tells the reader which offsets are damaged.

/** Returned instead of a page: the messages `first` to `last` are damaged. */
export class Damage {
  readonly first: number;
  readonly last: number;

  constructor(first: number, last: number) {
    this.first = first;
    this.last = last;
  }
}

export interface DamageFound {
  readonly topic: string;
  /** Human-readable, for example "messages 5 to 6" or "an id record". */
  readonly what: string;
}

/** The number of places to remember. A place beyond them is counted on every read. */
const MAX_PLACES = 10_000;

/** Counts damaged places, and reports each place once, however often it is read. */
export class DamageTally {
  readonly #tell: (found: DamageFound) => void;
  #places = new Set<string>();
  #count = 0;

  /** @param tell called for each new place, for the node's log */
  constructor(tell: (found: DamageFound) => void = () => undefined) {
    this.#tell = tell;
  }

  /** Damaged places found so far. */
  get count(): number {
    return this.#count;
  }

  found(found: DamageFound): void {
    const place = `${found.topic}\0${found.what}`;
    if (this.#places.has(place)) return;
    if (this.#places.size >= MAX_PLACES) this.#places = new Set();
    this.#places.add(place);
    this.#count += 1;
    this.#tell(found);
  }

  /** Counts damaged messages of a topic. */
  messages(topic: string, { first, last }: Damage): void {
    this.found({ topic, what: `messages ${first} to ${last}` });
  }
}
