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
}

export class RefusedBehind {
  readonly #first = new Map<PublishOrigin, Map<string, FirstRefused>>();

  get isEmpty(): boolean {
    return this.#first.size === 0;
  }

  /** Refuses a publish, and remembers it where its origin sends it again. */
  refuse(origin: PublishOrigin, refusal: Refusal, ordinal: number): void {
    if (!origin.refuseInFlight(refusal)) return;
    const topics = this.#first.get(origin) ?? new Map<string, FirstRefused>();
    this.#first.set(origin, topics.set(refusal.topic, { refusal, ordinal }));
  }

  /** Refuses a publish that waits behind one that was. @returns whether it does */
  includes({ origin, seq, ordinal, bytes, start }: WaitingPublish): boolean {
    const topics = this.#first.get(origin);
    if (topics === undefined) return false;
    const first = topics.get(readPublishTopic(bytes, start));
    if (first === undefined || ordinal < first.ordinal) return false;
    origin.refuseInFlight({ ...first.refusal, seq });
    return true;
  }

  clear(): void {
    this.#first.clear();
  }
}
