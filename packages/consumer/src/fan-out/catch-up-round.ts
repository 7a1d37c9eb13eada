// Who goes on when a link that was congested takes messages again: its subscriptions in turn, some in each turn of the
// event loop. The link shows only at the end of a turn that it is congested again, so all of them at once would
// queue a page each; and the next round begins where this one stopped, so none waits for ever.
import type { FrameSink, Turn, TurnWork } from "@shardcast/server";
import type { LinkSubscriptions } from "./link-subscriptions.ts";
import type { Subscription } from "./subscription.ts";

/** Subscriptions that are sent a page, in one turn. */
const PER_TURN = 32;

export class CatchUpRound implements TurnWork {
  readonly #sink: FrameSink;
  readonly #subscriptions: LinkSubscriptions;
  readonly #turn: Turn;
  #rest: Iterator<Subscription> | undefined;
  /** How many are still to be looked at. */
  #left = 0;
  #isDeferred = false;

  constructor(sink: FrameSink, subscriptions: LinkSubscriptions, turn: Turn) {
    this.#sink = sink;
    this.#subscriptions = subscriptions;
    this.#turn = turn;
  }

  /** Looks at every subscription once, from where the last round stopped. */
  begin(): void {
    this.#left = this.#subscriptions.count;
    if (!this.#isDeferred) this.#goOn();
  }

  endTurn(): void {
    this.#isDeferred = false;
    this.#goOn();
  }

  /** A link that is congested again begins another round when it has drained. */
  #goOn(): void {
    for (let woken = 0; this.#left > 0 && woken < PER_TURN; this.#left -= 1) {
      if (!this.#sink.isOpen || this.#sink.isCongested) return;
      const subscription = this.#next();
      if (subscription === undefined) return;
      if (subscription.state !== "behind") continue;
      subscription.view.catchUp(subscription);
      woken += 1;
    }
    if (this.#left === 0) return;
    this.#isDeferred = true;
    this.#turn.defer(this);
  }

  #next(): Subscription | undefined {
    const next = this.#rest?.next();
    if (next?.done === false) return next.value;
    this.#rest = this.#subscriptions.all()[Symbol.iterator]();
    const first = this.#rest.next();
    return first.done === true ? undefined : first.value;
  }
}
