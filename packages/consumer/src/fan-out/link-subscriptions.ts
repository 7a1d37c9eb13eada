// The subscriptions of one link, found by the link's own number and by topic: a relay's link may have
// hundreds of thousands of them. Most links have one, which takes no map.
import type { Subscription } from "./subscription.ts";

interface Many {
  readonly bySub: Map<number, Subscription>;
  readonly topics: Set<string>;
}

export class LinkSubscriptions {
  readonly #ended: ((topic: string) => void) | undefined;
  #only: Subscription | undefined;
  /** From the second one on, all of them. */
  #many: Many | undefined;

  /** @param ended told the topic of each subscription that has ended */
  constructor(ended?: (topic: string) => void) {
    this.#ended = ended;
  }

  get count(): number {
    return this.#many?.bySub.size ?? (this.#only === undefined ? 0 : 1);
  }

  has(sub: number, topic: string): boolean {
    if (this.#many !== undefined) return this.#many.bySub.has(sub) || this.#many.topics.has(topic);
    return this.#only?.sub === sub || this.#only?.view.name === topic;
  }

  get(sub: number): Subscription | undefined {
    if (this.#many !== undefined) return this.#many.bySub.get(sub);
    return this.#only?.sub === sub ? this.#only : undefined;
  }

  all(): Iterable<Subscription> {
    if (this.#many !== undefined) return this.#many.bySub.values();
    return this.#only === undefined ? [] : [this.#only];
  }

  add(subscription: Subscription): void {
    if (this.#many === undefined && this.#only === undefined) {
      this.#only = subscription;
      return;
    }
    const many = (this.#many ??= { bySub: new Map(), topics: new Set() });
    for (const one of this.#only === undefined ? [subscription] : [this.#only, subscription]) {
      many.bySub.set(one.sub, one);
      many.topics.add(one.view.name);
    }
    this.#only = undefined;
  }

  delete(subscription: Subscription): void {
    if (this.#only === subscription) {
      this.#only = undefined;
      this.#ended?.(subscription.view.name);
    }
    // Another of the same number may have taken its place.
    if (this.#many?.bySub.get(subscription.sub) !== subscription) return;
    this.#many.bySub.delete(subscription.sub);
    this.#many.topics.delete(subscription.view.name);
    this.#ended?.(subscription.view.name);
  }
}
