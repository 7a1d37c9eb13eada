// Refuses the publishes that wait in a node behind a refused one of the same origin and topic. The
// origin sends both again, in order; otherwise the later message would be stored before the earlier
// one. docs/protocol.md#publishing
import { readPublishTopic } from "@shardcast/protocol";
import type { PublishOrigin, Refusal } from "./publish-target.ts";

/** A publish that waits. Its frame begins at `start` of `bytes`. */
export interface WaitingPublish {
  readonly origin: PublishOrigin;
  readonly seq: number;
  /** Its place among all waiting publishes. */
  readonly ordinal: number;
  readonly bytes: Uint8Array;
  readonly start: number;
}

interface FirstRefused {
  readonly refusal: Refusal;
  readonly ordinal: number;
  /** From this place on, the origin knew of the refusal when it sent the publish. */
  readonly until: number;
}

export class RefusedBehind {
  readonly #first = new Map<PublishOrigin, Map<string, FirstRefused>>();

  get isEmpty(): boolean {
    return this.#first.size === 0;
  }

  /**
   * Refuses a publish, and remembers the refusal if the origin will send the publish again.
   * @param until the place of the next publish to arrive
   */
  refuse(origin: PublishOrigin, refusal: Refusal, ordinal: number, until = Infinity): void {
    if (!origin.refuse(refusal)) return;
    const topics = this.#first.get(origin) ?? new Map<string, FirstRefused>();
    this.#first.set(origin, topics.set(refusal.topic, { refusal, ordinal, until }));
  }

  /** Refuses a publish that waits behind a refused one. @returns whether it does */
  includes({ origin, seq, ordinal, bytes, start }: WaitingPublish): boolean {
    const topics = this.#first.get(origin);
    if (topics === undefined) return false;
    const first = topics.get(readPublishTopic(bytes, start));
    if (first === undefined || ordinal < first.ordinal || ordinal >= first.until) return false;
    origin.refuse({ ...first.refusal, seq });
    return true;
  }

  /** Forgets refusals that concern no publish from this place on. */
  forget(oldest: number): void {
    for (const [origin, topics] of this.#first) {
      for (const [topic, { until }] of topics) if (until <= oldest) topics.delete(topic);
      if (topics.size === 0) this.#first.delete(origin);
    }
  }
}
