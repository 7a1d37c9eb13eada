// The topics of one lane of the log: all that came in since the last commit is the next one; when the log has
// it, the publishers get their acks and the subscribers their messages.
//
//   idle ──add──▶ a turn ends ──▶ committing ──▶ done: acks, fan-out ──▶ idle, or the next commit
//                                     │
//                                     └─ failed: rejects, a pause ──▶ idle, or the next commit
//
// One commit at a time: what fails leaves no hole behind it that a later one would have to fill.
import { ShardcastError } from "@shardcast/protocol";
import type { Log } from "@shardcast/log";
import { publicReason } from "@shardcast/process";
import { MOVED_REASON, type MovedPublish, type Turn, type TurnWork } from "@shardcast/server";
import type { Backlog } from "./backlog.ts";
import type { LogHealth } from "./log-health.ts";
import type { OpeningTopics } from "./opening-topics.ts";
import type { Appended, OwnedTopic } from "./owned-topic.ts";
import type { Publish } from "./publish.ts";

/** A log that could not be written is given a moment. */
const PAUSE_MS = 250;

/** For the node's metrics. */
export interface CommitCounters {
  stored: number;
  duplicates: number;
  commits: number;
  failedCommits: number;
}

export interface CommitLaneOptions {
  /** The log commits the topics of each lane on their own. */
  readonly number: number;
  readonly log: Log;
  readonly turn: Turn;
  /** Now, in ms since 1970. */
  readonly now: () => number;
  readonly backlog: Backlog;
  readonly health: LogHealth;
  /** Takes topics of which the log no longer knows what is stored: they are opened again. */
  readonly opening: OpeningTopics;
  readonly counters: CommitCounters;
  readonly onStored: (topic: string, first?: number) => void;
  readonly onError: (error: unknown) => void;
}

export class CommitLane implements TurnWork {
  /** Of publishes that are not appended yet. */
  waitingBytes = 0;
  readonly #options: CommitLaneOptions;
  #dirty: OwnedTopic[] = [];
  /** What the commit under way stores. */
  #committing: readonly Appended[] = [];
  #isDeferred = false;
  /** A commit is under way, or has just failed. */
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

  /** Gives away what has no answer yet and another owner now, each topic's in its order. */
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

  /** A topic has something to append. */
  add(topic: OwnedTopic): void {
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
    const steady = performance.now();
    const appended: Appended[] = [];
    for (const topic of dirty) {
      if (topic.log.isStale) this.#reopen(topic, topic.takeWaiting());
      else appended.push(topic.append(now, steady));
    }
    return appended;
  }

  /** What waits of topics that were not part of the commit comes before all that is published from now on. */
  #reopenStale(): void {
    this.#dirty = this.#dirty.filter((topic) => {
      if (topic.log.isStale) this.#reopen(topic, topic.takeWaiting());
      return !topic.log.isStale;
    });
  }

  /** The log does not know any more what is stored of a topic. */
  #reopen(topic: OwnedTopic, publishes: readonly Publish[]): void {
    if (publishes.length > 0) this.#options.opening.add(topic.view.name, publishes);
  }

  #committed(appended: readonly Appended[]): void {
    this.#isBusy = false;
    this.#committing = [];
    this.#options.health.committed();
    this.#options.counters.commits += 1;
    // The disk works on the next commit while the messages of this one go out.
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
      // Repeats count: what they repeat may have been stored when a commit had seemed to fail.
      onStored(topic.view.name, batches[0]?.first);
    }
  }

  #failed(appended: readonly Appended[], error: unknown): void {
    const { counters, health, onStored } = this.#options;
    counters.failedCommits += 1;
    const reason = publicReason(error).slice(0, 100);
    const code = error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL";
    // Whoever has taken the shard may have done so in passing: who owns it now, the ring says.
    const isLost = code === "SHARDCAST_NOT_OWNER";
    if (!isLost) health.commitFailed(error);
    this.#committing = [];
    for (const round of appended) {
      const { topic, publishes } = round;
      topic.revert(round);
      if (!topic.log.isStale) {
        // What has come meanwhile must not be stored before what comes again.
        for (const publish of [...publishes, ...topic.takeWaiting()]) publish.refuse(code, reason);
        continue;
      }
      // What has an id can go again, though it may be stored; what has none only where it is not.
      const again = publishes.filter(({ hasId }) => hasId || isLost);
      for (const publish of publishes) {
        if (!publish.hasId && !isLost) publish.refuse(code, reason);
      }
      this.#reopen(topic, [...again, ...topic.takeWaiting()]);
      onStored(topic.view.name);
    }
    this.#reopenStale();
    setTimeout(() => {
      this.#isBusy = false;
      this.flush();
    }, PAUSE_MS);
  }
}

/** The log may have it already: only its id keeps it from being stored twice. */
function moveSent(publish: Publish): MovedPublish[] {
  if (publish.hasId) return [publish.move()];
  publish.refuse("SHARDCAST_OWNER_UNAVAILABLE", MOVED_REASON);
  publish.move();
  return [];
}
