// One subscription: one topic on one link, and its position in the topic. It is in one of four
// states; only a live subscription has new messages pushed to it:
//
//   starting ─▶ behind ─▶ live     live: everything up to the head was sent; each new batch is pushed.
//                 ▲         │      behind: it reads pages from the log by its cursor until it is at the head.
//                 └─────────┘      A live subscription on a link that is congested falls behind.
//   any ─▶ ended
import type { FrameSink } from "@shardcast/server";

/** The methods of a topic that a subscription uses. */
export interface SubscribedTopic {
  readonly name: string;
  /** How many messages the subscription is behind the head. */
  lagOf(subscription: Subscription): number;
  /** Sends the subscription its next page, or makes it live. */
  catchUp(subscription: Subscription): void;
  /** Ends the subscription; a code is sent to the client. */
  end(subscription: Subscription, code?: string): void;
}

/** Holds the subscriptions of one link. */
export interface SubscriptionHolder {
  delete(subscription: Subscription): void;
}

export class Subscription {
  readonly sink: FrameSink;
  /** The number that the client gave the subscription on its link. */
  readonly sub: number;
  readonly view: SubscribedTopic;
  state: "starting" | "behind" | "live" | "ended" = "starting";
  /**
   * While the subscription is behind: the last offset that was sent. While it is live, use the
   * topic's head instead.
   */
  cursor = 0;
  /** Whether it was ever at the head. If so and it is behind now, it could not keep up. */
  wasLive = false;
  /**
   * A subscription that starts from a position gets no message stored before this time (ms since
   * 1970).
   */
  resumesFrom: number | undefined;
  /**
   * Whether it starts with messages stored earlier. It gets them only as long as the client has the
   * permission `history`.
   */
  readsHistory = false;
  /** The index among the topic's live subscriptions; -1 if it is not live. */
  liveIndex = -1;
  /** A page is being read, or will be read in the next turn. */
  isReading = false;

  /** Notified when the subscription ends, for any reason. */
  readonly #link: SubscriptionHolder;

  constructor(sink: FrameSink, sub: number, view: SubscribedTopic, link: SubscriptionHolder) {
    this.#link = link;
    this.sink = sink;
    this.sub = sub;
    this.view = view;
  }

  /** Called by the topic, which has already removed the subscription. */
  end(): void {
    this.state = "ended";
    this.#link.delete(this);
  }
}
