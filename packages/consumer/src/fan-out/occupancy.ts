// Tells when a topic gets its first subscriber, and when its last one has been gone for a while: whoever comes
// back within seconds, as all do when a node is started anew, changes nothing.
import type { LifecycleEvents, Membership } from "@shardcast/server";

const GRACE_MS = 2000;

export interface OccupancyOptions {
  readonly events: LifecycleEvents;
  readonly membership: Membership;
  /** Whether each node serves subscribers from a log that all share: then each tells of its own. */
  readonly isLogShared: boolean;
}

export class Occupancy {
  readonly #options: OccupancyOptions;
  /** Topics that are about to be vacated. */
  readonly #leaving = new Map<string, NodeJS.Timeout>();

  constructor(options: OccupancyOptions) {
    this.#options = options;
  }

  /** A topic has its first subscriber. */
  occupied(topic: string): void {
    const timer = this.#leaving.get(topic);
    if (timer === undefined) this.#options.events.occupied(topic);
    clearTimeout(timer);
    this.#leaving.delete(topic);
  }

  /** A topic has no subscriber any more. */
  vacated(topic: string): void {
    clearTimeout(this.#leaving.get(topic));
    const timer = setTimeout(() => this.#tell(topic), GRACE_MS).unref();
    this.#leaving.set(topic, timer);
  }

  #tell(topic: string): void {
    const { events, membership, isLogShared } = this.#options;
    this.#leaving.delete(topic);
    // Where it has another owner now, its subscribers are there.
    if (isLogShared || membership.owns(topic)) events.vacated(topic);
  }
}
