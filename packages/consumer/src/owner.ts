// Stores publishes of the topics that this node owns: all that a turn brought is one commit, then the
// publishers get their acks and the subscribers their messages.
import type { PublishHead } from "@shardcast/protocol";
import type { FrameSlice, PublishOrigin, PublishTarget, Turn, TurnWork } from "@shardcast/server";
import type { Log } from "./log.ts";
import type { Appended, OwnedTopic } from "./owned-topic.ts";

export interface OwnerOptions {
  readonly log: Log;
  readonly turn: Turn;
  /** Undefined where there is no room for another topic. */
  readonly ownedTopic: (name: string) => OwnedTopic | undefined;
  readonly failed: (error: unknown) => void;
}

export class Owner implements PublishTarget, TurnWork {
  readonly #options: OwnerOptions;
  #dirty: OwnedTopic[] = [];
  /** For the node's metrics. */
  readonly counters = { stored: 0, duplicates: 0 };

  constructor(options: OwnerOptions) {
    this.#options = options;
  }

  publish(origin: PublishOrigin, head: PublishHead, frame: FrameSlice): void {
    const topic = this.#options.ownedTopic(head.topic);
    if (topic === undefined) {
      origin.rejectInFlight(
        head.seq,
        "SHARDCAST_NODE_FULL",
        "the node owns as many topics as it may",
      );
      return;
    }
    if (!topic.enqueue(origin, head, frame)) return;
    this.#dirty.push(topic);
    if (this.#dirty.length === 1) this.#options.turn.defer(this);
  }

  endTurn(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    const now = Date.now();
    const appended = dirty.map((topic) => topic.append(now));
    const committed = this.#options.log.commit();
    if (committed === undefined) this.#finish(appended);
    else {
      committed.then(
        () => {
          this.#finish(appended);
        },
        (error: unknown) => {
          this.#fail(appended, error);
        },
      );
    }
  }

  #finish(appended: readonly Appended[]): void {
    for (const { topic, batches, answers } of appended) {
      for (const answer of answers) {
        answer.origin.ack(answer);
        if (answer.isDuplicate) this.counters.duplicates += 1;
      }
      for (const batch of batches) {
        this.counters.stored += batch.last - batch.first + 1;
        topic.view.deliver(batch);
      }
    }
  }

  #fail(appended: readonly Appended[], error: unknown): void {
    this.#options.failed(error);
    for (const { origin, seq } of appended.flatMap(({ answers }) => answers)) {
      origin.rejectInFlight(seq, "SHARDCAST_INTERNAL", "the log could not be written");
    }
  }
}
