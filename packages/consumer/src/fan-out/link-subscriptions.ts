// The subscriptions of one link, looked up by the client's number and by topic. A relay's link may
// have hundreds of thousands of them. Most links have one subscription, which is held without a
// map.
import type { Subscription } from "./subscription.ts";

interface Many {
  readonly bySub: Map<number, Subscription>;
  readonly topics: Set<string>;
}

export class LinkSubscriptions {
  readonly #ended: ((topic: string) => void) | undefined;
  #only: Subscription | undefined;
  /** All subscriptions, once there are at least two. */
  #many: Many | undefined;

  /** @param ended called with the topic of each subscription that has ended */
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
    // Another subscription with the same number may have taken its place.
    if (this.#many?.bySub.get(subscription.sub) !== subscription) return;
    this.#many.bySub.delete(subscription.sub);
    this.#many.topics.delete(subscription.view.name);
    this.#ended?.(subscription.view.name);
  }
}
