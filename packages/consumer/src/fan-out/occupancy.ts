// Reports when a topic gets its first subscriber, and when its last subscriber has been gone for a
// while. Subscribers that return within seconds, as they all do when a node restarts, cause no
// report.
import type { LifecycleEvents, Membership } from "@shardcast/server";

const GRACE_MS = 2000;

export interface OccupancyOptions {
  readonly events: LifecycleEvents;
  readonly membership: Membership;
  /**
   * Whether every node serves subscribers from one shared log. Then each node reports its own
   * subscribers.
   */
  readonly isLogShared: boolean;
}

export class Occupancy {
  readonly #options: OccupancyOptions;
  /** Topics whose last subscriber has left, with the timer that reports it. */
  readonly #leaving = new Map<string, NodeJS.Timeout>();

  constructor(options: OccupancyOptions) {
    this.#options = options;
  }

  /** Called when a topic gets its first subscriber. */
  occupied(topic: string): void {
    const timer = this.#leaving.get(topic);
    if (timer === undefined) this.#options.events.occupied(topic);
    clearTimeout(timer);
    this.#leaving.delete(topic);
  }

  /** Called when the last subscriber of a topic has left. */
  vacated(topic: string): void {
    clearTimeout(this.#leaving.get(topic));
    const timer = setTimeout(() => this.#tell(topic), GRACE_MS).unref();
    this.#leaving.set(topic, timer);
  }

  #tell(topic: string): void {
    const { events, membership, isLogShared } = this.#options;
    this.#leaving.delete(topic);
    // If another node owns the topic now, the subscribers are connected there.
    if (isLogShared || membership.owns(topic)) events.vacated(topic);
  }
}
