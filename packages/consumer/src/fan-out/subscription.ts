// One topic followed over one link: who, and how far. It is in one of four states, and all that differs
// between them is whether new messages are pushed to it:
//
//   starting ─▶ behind ─▶ live     live: it was sent all up to head; each new batch is pushed.
//                 ▲         │      behind: it reads pages from the log by its cursor until it is at head.
//                 └─────────┘      A link that is congested makes a live one fall behind.
//   any ─▶ ended
import type { FrameSink } from "@shardcast/server";

/** What a subscription needs of its topic. */
export interface SubscribedTopic {
  readonly name: string;
  /** Sends it its next page, or makes it live. */
  catchUp(subscription: Subscription): void;
  /** Ends it; a code is sent to the client. */
  end(subscription: Subscription, code?: string): void;
}

/** Keeps the subscriptions of one link. */
export interface SubscriptionHolder {
  delete(subscription: Subscription): void;
}

export class Subscription {
  readonly sink: FrameSink;
  /** The link's own number for it. */
  readonly sub: number;
  readonly view: SubscribedTopic;
  state: "starting" | "behind" | "live" | "ended" = "starting";
  /** The last offset that was sent, while it is behind; while it is live, that is the topic's head. */
  cursor = 0;
  /** It was at head once: if it is behind now, it could not keep up. */
  wasLive = false;
  /** What was stored before this time (ms since 1970) is not for it, where it starts from a position. */
  resumesFrom: number | undefined;
  /** What it begins with was stored before, and is for it as long as its client has the permission history. */
  readsHistory = false;
  /** Its place among the topic's live ones. */
  liveIndex = -1;
  /** A page is being read, or is to be read in the next turn. */
  isReading = false;

  /** Told when it ends, whoever ended it. */
  readonly #link: SubscriptionHolder;

  constructor(sink: FrameSink, sub: number, view: SubscribedTopic, link: SubscriptionHolder) {
    this.#link = link;
    this.sink = sink;
    this.sub = sub;
    this.view = view;
  }

  /** For its topic, which has let go of it. */
  end(): void {
    this.state = "ended";
    this.#link.delete(this);
  }
}
