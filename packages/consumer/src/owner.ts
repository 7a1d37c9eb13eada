// Stores publishes of the topics that this node owns. All that came in since the last commit is the next
// one; when the log has it, the publishers get their acks and the subscribers their messages.
//
//   idle ──publish──▶ a turn ends ──▶ committing ──▶ done: acks, fan-out ──▶ idle, or the next commit
//                                         │
//                                         └─ failed: rejects, a pause ──▶ idle, or the next commit
//
// One commit at a time: what fails leaves no hole behind it that a later one would have to fill.
import { ShardcastError, type PublishHead } from "@shardcast/protocol";
import type { Log } from "@shardcast/log";
import type { PublishOrigin, PublishTarget, Turn, TurnWork } from "@shardcast/server";
import type { Appended, OwnedTopic } from "./owned-topic.ts";

/** A log that could not be written is given a moment. */
const PAUSE_MS = 250;
const SETTLE_POLL_MS = 5;
/** Bytes that may wait for the commit under way; whoever brings more is read no further meanwhile. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

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
  #waitingBytes = 0;
  readonly #paused = new Set<PublishOrigin>();
  #isDeferred = false;
  /** A commit is under way, or has just failed. */
  #isBusy = false;
  #fault: string | undefined;
  /** For the node's metrics. */
  readonly counters = { stored: 0, duplicates: 0, commits: 0, failedCommits: 0 };

  constructor(options: OwnerOptions) {
    this.#options = options;
  }

  /** Why the log could not be written the last time; undefined where it could. */
  get fault(): string | undefined {
    return this.#fault;
  }

  get isIdle(): boolean {
    return this.#dirty.length === 0 && !this.#isBusy;
  }

  /** Resolves when no commit is under way: what was published by now has its answer. */
  async settled(): Promise<void> {
    while (!this.isIdle) await new Promise((resolve) => setTimeout(resolve, SETTLE_POLL_MS));
  }

  publish(
    origin: PublishOrigin,
    head: PublishHead,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const topic = this.#options.ownedTopic(head.topic);
    if (topic === undefined) {
      origin.rejectInFlight(
        head.seq,
        "SHARDCAST_NODE_FULL",
        "the node owns as many topics as it may",
      );
      return;
    }
    this.#waitingBytes += end - start;
    if (this.#isBusy && this.#waitingBytes > MAX_WAITING_BYTES) this.#pause(origin);
    if (!topic.enqueue(origin, head, bytes, end)) return;
    this.#dirty.push(topic);
    if (!this.#isBusy) this.flush();
  }

  /** Commits what waits, and what the log itself has changed, at the end of this turn. */
  flush(): void {
    if (this.#isDeferred) return;
    this.#isDeferred = true;
    this.#options.turn.defer(this);
  }

  endTurn(): void {
    this.#isDeferred = false;
    if (!this.#isBusy) this.#commit();
  }

  #commit(): void {
    const dirty = this.#dirty;
    this.#dirty = [];
    this.#waitingBytes = 0;
    this.#resumeAll();
    const now = Date.now();
    const appended = dirty.map((topic) => topic.append(now));
    const committed = this.#options.log.commit();
    if (committed === undefined) {
      this.#finish(appended);
      return;
    }
    this.#isBusy = true;
    committed
      .then(
        () => this.#committed(appended),
        (error: unknown) => this.#failed(appended, error),
      )
      .catch(this.#options.failed);
  }

  #committed(appended: readonly Appended[]): void {
    this.#isBusy = false;
    this.#fault = undefined;
    this.counters.commits += 1;
    // The disk works on the next commit while the messages of this one go out.
    if (this.#dirty.length > 0) this.#commit();
    this.#finish(appended);
  }

  #finish(appended: readonly Appended[]): void {
    for (const { topic, batches, publishes } of appended) {
      for (const publish of publishes) {
        publish.origin.ack(publish);
        if (publish.isDuplicate) this.counters.duplicates += 1;
      }
      for (const batch of batches) {
        this.counters.stored += batch.last - batch.first + 1;
        topic.view.deliver(batch);
      }
    }
  }

  #failed(appended: readonly Appended[], error: unknown): void {
    this.counters.failedCommits += 1;
    const reason = error instanceof Error ? error.message.slice(0, 100) : "";
    if (this.#fault === undefined) this.#options.failed(error);
    this.#fault = reason;
    const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
    for (const round of appended) {
      round.topic.revert(round);
      for (const { origin, seq } of round.publishes) origin.rejectInFlight(seq, code, reason);
    }
    setTimeout(() => {
      this.#isBusy = false;
      this.flush();
    }, PAUSE_MS);
  }

  #pause(origin: PublishOrigin): void {
    if (this.#paused.has(origin)) return;
    this.#paused.add(origin);
    origin.pauseReading();
  }

  #resumeAll(): void {
    for (const origin of this.#paused) origin.resumeReading();
    this.#paused.clear();
  }
}
