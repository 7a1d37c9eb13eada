// What a log tells of messages that are stored and are not what they were: their checksum says so, or nothing can
// be made of them. They are left out, and whoever reads is told which they are.

/** In place of a page: the messages `first` to `last` are damaged. */
export class Damage {
  readonly first: number;
  readonly last: number;

  constructor(first: number, last: number) {
    this.first = first;
    this.last = last;
  }
}

/** What was found damaged, and where. */
export interface DamageFound {
  readonly topic: string;
  /** In words: "messages 5 to 6", "an id record", … */
  readonly what: string;
}

/** Places that are remembered. Beyond them, a place that is read again counts again. */
const MAX_PLACES = 10_000;

/** Counts damage, and has each place of it told once, however often it is read. */
export class DamageTally {
  readonly #tell: (found: DamageFound) => void;
  #places = new Set<string>();
  #count = 0;

  /** @param tell for the node's log */
  constructor(tell: (found: DamageFound) => void = () => undefined) {
    this.#tell = tell;
  }

  /** Places found so far. */
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

  /** Of messages of a topic. */
  messages(topic: string, { first, last }: Damage): void {
    this.found({ topic, what: `messages ${first} to ${last}` });
  }
}
