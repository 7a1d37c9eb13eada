// The topics of one lane of the log. Everything that arrived since the last commit becomes the next
// commit. When the log has stored it, publishers get their acks and subscribers their messages.
//
//   idle ──add──▶ a turn ends ──▶ committing ──▶ done: acks, fan-out ──▶ idle, or the next commit
//                                     │
//                                     └─ failed: rejects, a pause ──▶ idle, or the next commit
//
// There is one commit at a time, so that a failed commit leaves no hole before a later one.
import { ShardcastError } from "@shardcast/protocol";
import type { Log } from "@shardcast/log";
import type { Runtime } from "@shardcast/process";
import { publicReason } from "@shardcast/process";
import { MOVED_REASON, type MovedPublish, type Turn, type TurnWork } from "@shardcast/server";
import type { Backlog } from "./backlog.ts";
import type { LogHealth } from "./log-health.ts";
import type { OpeningTopics } from "./opening-topics.ts";
import type { Appended, OwnedTopic } from "./owned-topic.ts";
import type { Publish } from "./publish.ts";

/** The pause after a failed commit. */
const PAUSE_MS = 250;

/** Counts for the node's metrics. */
export interface CommitCounters {
  stored: number;
  duplicates: number;
  commits: number;
  failedCommits: number;
}

export interface CommitLaneOptions {
  /** The number of the lane. The log commits the topics of each lane separately. */
  readonly number: number;
  readonly log: Log;
  readonly turn: Turn;
  readonly runtime: Runtime;
  /** Returns the current time, in ms since 1970. */
  readonly now: () => number;
  readonly backlog: Backlog;
  readonly health: LogHealth;
  /** Opens topics again whose stored messages the log no longer knows. */
  readonly opening: OpeningTopics;
  readonly counters: CommitCounters;
  readonly onStored: (topic: string, first?: number) => void;
  readonly onError: (error: unknown) => void;
}

export class CommitLane implements TurnWork {
  /** Bytes of publishes that are not appended yet. */
  waitingBytes = 0;
  readonly #options: CommitLaneOptions;
  #dirty: OwnedTopic[] = [];
  /** The batches that the running commit stores. */
  #committing: readonly Appended[] = [];
  #isDeferred = false;
  /** Whether a commit is running, or has just failed. */
  #isBusy = false;

  constructor(options: CommitLaneOptions) {
    this.#options = options;
  }

  get isIdle(): boolean {
    return this.#dirty.length === 0 && !this.#isBusy;
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /**
   * Removes and returns the publishes without an answer whose topics have another owner now, in
   * order within each topic.
   */
  takeMoved(isOwned: (topic: string) => boolean): MovedPublish[] {
    const moved: MovedPublish[] = [];
    for (const { topic, publishes } of this.#committing) {
      if (!isOwned(topic.view.name)) moved.push(...publishes.flatMap(moveSent));
    }
    for (const topic of this.#dirty) {
      if (isOwned(topic.view.name)) continue;
      moved.push(...topic.takeWaiting().map((publish) => publish.move()));
    }
    return moved;
  }

  /** Adds a topic that has messages to append. */
  add(topic: OwnedTopic): void {
    this.#dirty.push(topic);
    if (!this.#isBusy) this.flush();
  }

  /** At the end of this turn, commits waiting publishes and the log's own changes. */
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
    const { log, number, backlog, onError } = this.#options;
    const appended = this.#append();
    backlog.remove(this.waitingBytes);
    this.waitingBytes = 0;
    const committed = log.commit(number);
    if (committed === undefined) {
      this.#finish(appended);
      return;
    }
    this.#isBusy = true;
    this.#committing = appended;
    committed
      .then(
        () => this.#committed(appended),
        (error: unknown) => this.#failed(appended, error),
      )
      .catch(onError);
  }

  #append(): Appended[] {
    const dirty = this.#dirty;
    this.#dirty = [];
    const now = this.#options.now();
    const steady = this.#options.runtime.steady();
    const appended: Appended[] = [];
    for (const topic of dirty) {
      if (topic.log.isStale) this.#reopen(topic, topic.takeWaiting());
      else appended.push(topic.append(now, steady));
    }
    return appended;
  }

  /**
   * Reopens stale topics that were not part of the commit, so that their waiting publishes come
   * before later ones.
   */
  #reopenStale(): void {
    this.#dirty = this.#dirty.filter((topic) => {
      if (topic.log.isStale) this.#reopen(topic, topic.takeWaiting());
      return !topic.log.isStale;
    });
  }

  /** Opens a topic again whose stored messages the log no longer knows. */
  #reopen(topic: OwnedTopic, publishes: readonly Publish[]): void {
    if (publishes.length > 0) this.#options.opening.add(topic.view.name, publishes);
  }

  #committed(appended: readonly Appended[]): void {
    this.#isBusy = false;
    this.#committing = [];
    this.#options.health.committed();
    this.#options.counters.commits += 1;
    // Start the next commit first, so that the disk works while the messages of this one are sent.
    if (this.#dirty.length > 0) this.#commit();
    this.#finish(appended);
  }

  #finish(appended: readonly Appended[]): void {
    const { counters, onStored } = this.#options;
    for (const { topic, batches, publishes } of appended) {
      for (const publish of publishes) {
        publish.origin.ack(publish);
        if (publish.isDuplicate) counters.duplicates += 1;
      }
      for (const batch of batches) {
        counters.stored += batch.last - batch.first + 1;
        topic.view.deliver(batch);
      }
      // Report duplicates too: the first message may have been stored by a commit that seemed to
      // fail.
      onStored(topic.view.name, batches[0]?.first);
    }
  }

  #failed(appended: readonly Appended[], error: unknown): void {
    const { counters, health, onStored } = this.#options;
    counters.failedCommits += 1;
    const reason = publicReason(error).slice(0, 100);
    const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
    // The node that has taken the shard may not keep it: the ring names the owner.
    const isLost = code === "SHARDCAST_NOT_OWNER";
    if (!isLost) health.commitFailed(error);
    this.#committing = [];
    for (const round of appended) {
      const { topic, publishes } = round;
      topic.revert(round);
      if (!topic.log.isStale) {
        // Publishes that arrived meanwhile must not be stored before those that are sent again.
        for (const publish of [...publishes, ...topic.takeWaiting()]) publish.refuse(code, reason);
        continue;
      }
      // A publish with an id may be stored again without harm. One without an id may go again only
      // if it was not stored.
      const again = publishes.filter(({ hasId }) => hasId || isLost);
      for (const publish of publishes) {
        if (!publish.hasId && !isLost) publish.refuse(code, reason);
      }
      this.#reopen(topic, [...again, ...topic.takeWaiting()]);
      onStored(topic.view.name);
    }
    this.#reopenStale();
    this.#options.runtime.setTimeout(() => {
      this.#isBusy = false;
      this.flush();
    }, PAUSE_MS);
  }
}

/** The log may have stored the publish, and only an id prevents storing it twice. */
function moveSent(publish: Publish): MovedPublish[] {
  if (publish.hasId) return [publish.move()];
  publish.refuse("SHARDCAST_OWNER_UNAVAILABLE", MOVED_REASON);
  publish.move();
  return [];
}
