// One topic followed over one link: who, and how far. It is in one of four states, and all that differs
// between them is whether new messages are pushed to it:
//
//   starting ─▶ behind ─▶ live     live: it was sent all up to head; each new batch is pushed.
//                 ▲         │      behind: it reads pages from the log by its cursor until it is at head.
//                 └─────────┘      A link that is congested makes a live one fall behind.
//   any ─▶ ended
import type { FrameSink } from "@shardcast/server";
import type { LinkSubscriptions } from "./link-subscriptions.ts";
import type { Topic } from "./topic.ts";

export class Subscription {
  readonly sink: FrameSink;
  /** The link's own number for it. */
  readonly sub: number;
  readonly view: Topic;
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
  readonly #link: LinkSubscriptions;

  constructor(sink: FrameSink, sub: number, view: Topic, link: LinkSubscriptions) {
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
