// Accepts publishes of the topics that this node owns. Each goes to its topic, and the topic's lane
// commits it to the log. docs/architecture.md#the-path-of-a-publish
import type { Log } from "@shardcast/log";
import type { Runtime } from "@shardcast/process";
import type { PublishHead } from "@shardcast/protocol";
import type { MovedPublish, PublishOrigin, PublishTarget, Turn } from "@shardcast/server";
import { Backlog } from "./backlog.ts";
import { CommitLane, type CommitCounters } from "./commit-lane.ts";
import { LogHealth } from "./log-health.ts";
import { OpeningTopics } from "./opening-topics.ts";
import type { OwnedTopic } from "./owned-topic.ts";
import { Publish } from "./publish.ts";

const SETTLE_POLL_MS = 5;

export interface OwnerOptions {
  readonly log: Log;
  readonly turn: Turn;
  readonly runtime: Runtime;
  /** Returns the current time, in ms since 1970. */
  readonly now: () => number;
  readonly publishTimeoutMs: number;
  readonly hasRoomFor: (topic: string) => boolean;
  /** @throws SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE */
  readonly ownedTopic: (topic: string) => OwnedTopic | Promise<OwnedTopic>;
  readonly onError: (error: unknown) => void;
}

/** @param first the offset of the first message that was stored; undefined if it is not known */
export type OnStored = (topic: string, first?: number) => void;

export class Owner implements PublishTarget {
  readonly health: LogHealth;
  /** Counts for the node's metrics. */
  readonly counters: CommitCounters = { stored: 0, duplicates: 0, commits: 0, failedCommits: 0 };
  readonly #options: OwnerOptions;
  readonly #lanes = new Map<number, CommitLane>();
  readonly #backlog = new Backlog();
  readonly #opening: OpeningTopics;
  #onStored: OnStored = () => undefined;

  constructor(options: OwnerOptions) {
    const { log, runtime, publishTimeoutMs, onError, ownedTopic } = options;
    this.#options = options;
    this.health = new LogHealth(log, runtime, onError);
    this.#opening = new OpeningTopics({
      runtime,
      backlog: this.#backlog,
      publishTimeoutMs,
      open: ownedTopic,
      onOpen: (topic, publishes) => {
        this.health.committed();
        for (const publish of publishes) this.#enqueue(topic, publish);
      },
      onError,
    });
  }

  /** Sets the function that is called when a topic has stored messages, or may have. */
  onStored(callback: OnStored): void {
    this.#onStored = callback;
  }

  get isIdle(): boolean {
    if (this.#opening.count > 0) return false;
    for (const lane of this.#lanes.values()) if (!lane.isIdle) return false;
    return true;
  }

  /** Resolves when no commit is running, so that everything published before has its answer. */
  async settled(): Promise<void> {
    const { runtime } = this.#options;
    while (!this.isIdle) {
      await new Promise<void>((resolve) => runtime.setTimeout(resolve, SETTLE_POLL_MS));
    }
  }

  publish(
    origin: PublishOrigin,
    head: PublishHead,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { topic: name } = head;
    const publish = new Publish(origin, head, bytes, start, end);
    if (this.#opening.has(name)) {
      this.#wait(name, publish);
      return;
    }
    if (!this.#options.hasRoomFor(name)) {
      const reason = "the node owns as many topics as it may";
      origin.refuse({ seq: head.seq, topic: name, code: "SHARDCAST_NODE_FULL", reason });
      return;
    }
    const topic = this.#topicOf(name);
    if (topic instanceof Promise) this.#wait(name, publish, topic);
    else this.#enqueue(topic, publish);
  }

  /**
   * Removes and returns the publishes without an answer whose topics have another owner now, in
   * order within each topic.
   */
  takeMoved(isOwned: (topic: string) => boolean): MovedPublish[] {
    const moved: MovedPublish[] = [];
    for (const lane of this.#lanes.values()) moved.push(...lane.takeMoved(isOwned));
    // Opening topics come last: they have nothing in a running commit, or had it put first.
    return [...moved, ...this.#opening.takeMoved(isOwned)];
  }

  /** At the end of this turn, commits the log's own changes. */
  flush(): void {
    for (const lane of this.#lanes.values()) if (lane.isIdle) lane.flush();
  }

  /** An error of a topic's log fails its publishes, not the link that they came from. */
  #topicOf(name: string): OwnedTopic | Promise<OwnedTopic> {
    try {
      return this.#options.ownedTopic(name);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #enqueue(topic: OwnedTopic, publish: Publish): void {
    const lane = this.#laneAt(topic.lane);
    lane.waitingBytes += publish.length;
    this.#backlog.add(publish.length);
    if (lane.isBusy) this.#backlog.pauseIfFull(publish.origin.source);
    if (topic.enqueue(publish)) lane.add(topic);
  }

  #wait(name: string, publish: Publish, opening?: Promise<OwnedTopic>): void {
    this.#opening.add(name, [publish], opening);
    this.#backlog.pauseIfFull(publish.origin.source);
  }

  #laneAt(number: number): CommitLane {
    const lane = this.#lanes.get(number);
    if (lane !== undefined) return lane;
    const { log, turn, runtime, now, onError } = this.#options;
    const made = new CommitLane({
      number,
      log,
      turn,
      runtime,
      now,
      onError,
      backlog: this.#backlog,
      health: this.health,
      opening: this.#opening,
      counters: this.counters,
      onStored: (topic, first) => this.#onStored(topic, first),
    });
    this.#lanes.set(number, made);
    return made;
  }
}
