// Resumes the subscriptions of a link that was congested, a few per turn of the event loop. The
// link reports congestion only at the end of a turn, so resuming all subscriptions at once would
// queue one page for each. The next round starts where this one stopped, so no subscription waits
// for ever.
import type { FrameSink, Turn, TurnWork } from "@shardcast/server";
import type { LinkSubscriptions } from "./link-subscriptions.ts";
import type { Subscription } from "./subscription.ts";

/** How many subscriptions get a page in one turn. */
const PER_TURN = 32;

export class CatchUpRound implements TurnWork {
  readonly #sink: FrameSink;
  readonly #subscriptions: LinkSubscriptions;
  readonly #turn: Turn;
  #rest: Iterator<Subscription> | undefined;
  /** How many subscriptions of this round are left. */
  #left = 0;
  #isDeferred = false;

  constructor(sink: FrameSink, subscriptions: LinkSubscriptions, turn: Turn) {
    this.#sink = sink;
    this.#subscriptions = subscriptions;
    this.#turn = turn;
  }

  /** Visits every subscription once, starting where the last round stopped. */
  begin(): void {
    this.#left = this.#subscriptions.count;
    if (!this.#isDeferred) this.#goOn();
  }

  endTurn(): void {
    this.#isDeferred = false;
    this.#goOn();
  }

  /** Stops if the link is congested again; the link begins another round when it has drained. */
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
