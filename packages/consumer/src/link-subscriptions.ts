// The subscriptions of one link, found by the link's own number and by topic: a relay's link may have
// hundreds of thousands of them.
import type { Subscription } from "./subscription.ts";

export class LinkSubscriptions {
  readonly #bySub = new Map<number, Subscription>();
  readonly #topics = new Set<string>();

  get count(): number {
    return this.#bySub.size;
  }

  has(sub: number, topic: string): boolean {
    return this.#bySub.has(sub) || this.#topics.has(topic);
  }

  get(sub: number): Subscription | undefined {
    return this.#bySub.get(sub);
  }

  all(): Iterable<Subscription> {
    return this.#bySub.values();
  }

  add(subscription: Subscription): void {
    this.#bySub.set(subscription.sub, subscription);
    this.#topics.add(subscription.view.name);
  }

  delete(subscription: Subscription): void {
    this.#bySub.delete(subscription.sub);
    this.#topics.delete(subscription.view.name);
  }
}
