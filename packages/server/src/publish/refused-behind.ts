// What waits in a node behind a refused publish of the same origin and topic is refused as well. The origin sends
// both again, in their order; a message that stayed would be stored before the one that it follows.
// docs/protocol.md#publishing
import { readPublishTopic } from "@shardcast/protocol";
import type { PublishOrigin, Refusal } from "./publish-target.ts";

/** A publish that waits. Its frame begins at `start` of `bytes`. */
export interface WaitingPublish {
  readonly origin: PublishOrigin;
  readonly seq: number;
  /** Its place among all that wait. */
  readonly ordinal: number;
  readonly bytes: Uint8Array;
  readonly start: number;
}

interface FirstRefused {
  readonly refusal: Refusal;
  readonly ordinal: number;
  /** Publishes from this place on came when the origin could know. */
  readonly until: number;
}

export class RefusedBehind {
  readonly #first = new Map<PublishOrigin, Map<string, FirstRefused>>();

  get isEmpty(): boolean {
    return this.#first.size === 0;
  }

  /**
   * Refuses a publish, and remembers it where its origin sends it again.
   * @param until the place of the next publish that comes
   */
  refuse(origin: PublishOrigin, refusal: Refusal, ordinal: number, until = Infinity): void {
    if (!origin.refuse(refusal)) return;
    const topics = this.#first.get(origin) ?? new Map<string, FirstRefused>();
    this.#first.set(origin, topics.set(refusal.topic, { refusal, ordinal, until }));
  }

  /** Refuses a publish that waits behind one that was. @returns whether it does */
  includes({ origin, seq, ordinal, bytes, start }: WaitingPublish): boolean {
    const topics = this.#first.get(origin);
    if (topics === undefined) return false;
    const first = topics.get(readPublishTopic(bytes, start));
    if (first === undefined || ordinal < first.ordinal || ordinal >= first.until) return false;
    origin.refuse({ ...first.refusal, seq });
    return true;
  }

  /** Forgets refusals that no publish from this place on is behind. */
  forget(oldest: number): void {
    for (const [origin, topics] of this.#first) {
      for (const [topic, { until }] of topics) if (until <= oldest) topics.delete(topic);
      if (topics.size === 0) this.#first.delete(origin);
    }
  }
}
