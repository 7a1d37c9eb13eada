// /producer: publishes from other nodes, of topics that this one owns. What is refused because it does not
// own them (yet, or any more) comes again when the sender has seen every refusal, and says so: until then all
// that follows of the topic is refused as well, so that nothing overtakes it.
import { FRAME_TYPES, type PublishHead } from "@shardcast/protocol";
import type {
  Link,
  LinkHandler,
  PublishHandler,
  PublishOrigin,
  PublishTarget,
} from "@shardcast/server";

export class OwnTopicsTarget {
  /** For topics that this node owns. */
  readonly owned: PublishTarget;
  /** For those of others. */
  readonly others: PublishTarget;
  /** Topics of which publishes were refused that are to come again. */
  readonly #refused = new Map<PublishOrigin, Set<string>>();

  constructor(owner: PublishTarget) {
    this.owned = {
      publish: (origin, head, bytes, start, end) => {
        if (this.#refused.size > 0 && this.#refused.get(origin)?.has(head.topic) === true) {
          refuse(origin, head);
        } else owner.publish(origin, head, bytes, start, end);
      },
    };
    this.others = {
      publish: (origin, head) => {
        const topics = this.#refused.get(origin) ?? new Set();
        this.#refused.set(origin, topics.add(head.topic));
        refuse(origin, head);
      },
    };
  }

  /** What was refused comes again from here on, or its sender is gone. */
  retry(origin: PublishOrigin): void {
    this.#refused.delete(origin);
  }
}

export class ProducerHandler implements LinkHandler {
  readonly #publishes: PublishHandler;
  readonly #target: OwnTopicsTarget;

  constructor(publishes: PublishHandler, target: OwnTopicsTarget) {
    this.#publishes = publishes;
    this.#target = target;
  }

  opened(): void {
    // A link that publishes has nothing until its first frame.
  }

  received(link: Link, type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type === FRAME_TYPES.retry) this.#target.retry(link);
    else this.#publishes.received(link, type, bytes, start, end);
  }

  writable(): void {
    // Acks wait in the link itself.
  }

  closed(link: Link): void {
    this.#target.retry(link);
  }
}

function refuse(origin: PublishOrigin, { seq }: PublishHead): void {
  origin.rejectInFlight(seq, "SHARDCAST_NOT_OWNER", "");
}
