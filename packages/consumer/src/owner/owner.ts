// Takes publishes of the topics that this node owns. Each goes to its topic, and the topic's lane has the log
// store it. docs/architecture.md#append
import type { Log } from "@shardcast/log";
import type { PublishHead } from "@shardcast/protocol";
import {
  publicReason,
  type MovedPublish,
  type PublishOrigin,
  type PublishTarget,
  type Turn,
} from "@shardcast/server";
import { CommitLane, type LaneHost } from "./commit-lane.ts";
import { OpeningTopics } from "./opening-topics.ts";
import type { OwnedTopic } from "./owned-topic.ts";
import { Publish } from "./publish.ts";

const SETTLE_POLL_MS = 5;
const PROBE_MS = 1000;
/** Of the state, written only to see whether the log can be. A small text may fit where no message does. */
const PROBE_KEYS = ["probe:1", "probe:2", "probe:3", "probe:4"];
const PROBE_BYTES = 60_000;
/** Bytes that may wait for the commits under way; whoever brings more is read no further meanwhile. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

export interface OwnerOptions {
  readonly log: Log;
  readonly turn: Turn;
  /** Now, in ms since 1970. */
  readonly now: () => number;
  readonly publishTimeoutMs: number;
  readonly hasRoomFor: (topic: string) => boolean;
  /** @throws SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE */
  readonly ownedTopic: (topic: string) => OwnedTopic | Promise<OwnedTopic>;
  readonly failed: (error: unknown) => void;
  /** Told of a topic that has got messages, or may have; the first of them, where it is known. */
  readonly stored: (topic: string, first?: number) => void;
}

export class Owner implements PublishTarget {
  readonly #options: OwnerOptions;
  readonly #lanes = new Map<number, CommitLane>();
  readonly #opening: OpeningTopics;
  readonly #host: LaneHost;
  readonly #paused = new Set<PublishOrigin>();
  /** Of all lanes, and of topics that are being opened. */
  #waitingBytes = 0;
  #fault: string | undefined;
  #isProbing = false;
  /** For the node's metrics. */
  readonly counters = { stored: 0, duplicates: 0, commits: 0, failedCommits: 0 };

  constructor(options: OwnerOptions) {
    const { log, turn, now, publishTimeoutMs, failed, ownedTopic, stored } = options;
    this.#options = options;
    this.#opening = new OpeningTopics({
      ...{ publishTimeoutMs, failed, open: ownedTopic },
      opened: (topic, publishes) => {
        this.#committed(undefined);
        for (const publish of publishes) this.#enqueue(topic, publish);
      },
      left: (bytes) => this.#took(bytes),
    });
    this.#host = {
      ...{ log, turn, now, failed, stored, counters: this.counters },
      took: (bytes) => this.#took(bytes),
      committed: (error) => this.#committed(error),
      reopen: (topic, publishes) => {
        if (publishes.length > 0) this.#opening.add(topic.view.name, publishes);
        for (const publish of publishes) this.#waitingBytes += publish.length;
      },
    };
  }

  /** Why the log could not be written the last time; undefined where it could. */
  get fault(): string | undefined {
    return this.#options.log.fault ?? this.#fault;
  }

  /** After a failed commit, writes something every second until it succeeds: publishes may no longer come here. */
  probe(): void {
    const { log } = this.#options;
    if (this.#fault === undefined || this.#isProbing || log.fault !== undefined) return;
    this.#isProbing = true;
    const probed = (): void => {
      this.#isProbing = false;
    };
    setTimeout(() => {
      const value = "-".repeat(PROBE_BYTES);
      log.state
        .set(PROBE_KEYS.map((key) => [key, value]))
        .then(() => log.state.delete(PROBE_KEYS))
        .then(
          () => this.#committed(undefined),
          () => undefined,
        )
        .finally(probed);
    }, PROBE_MS).unref();
  }

  get isIdle(): boolean {
    if (this.#opening.count > 0) return false;
    for (const lane of this.#lanes.values()) if (!lane.isIdle) return false;
    return true;
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
    const { topic: name } = head;
    const publish = new Publish(origin, head, bytes, start, end);
    if (this.#opening.has(name)) {
      this.#wait(name, publish);
      return;
    }
    if (!this.#options.hasRoomFor(name)) {
      const reason = "the node owns as many topics as it may";
      origin.refuseInFlight({ seq: head.seq, topic: name, code: "SHARDCAST_NODE_FULL", reason });
      return;
    }
    const topic = this.#topicOf(name);
    if (topic instanceof Promise) this.#wait(name, publish, topic);
    else this.#enqueue(topic, publish);
  }

  /** Gives away what has no answer yet and another owner now, each topic's in its order. */
  takeMoved(isOwned: (topic: string) => boolean): MovedPublish[] {
    const moved: MovedPublish[] = [];
    for (const lane of this.#lanes.values()) moved.push(...lane.takeMoved(isOwned));
    // A topic that is being opened again has nothing on its way any more, or had it put first.
    return [...moved, ...this.#opening.takeMoved(isOwned)];
  }

  /** Commits what the log itself has changed, at the end of this turn. */
  flush(): void {
    for (const lane of this.#lanes.values()) if (lane.isIdle) lane.flush();
  }

  /** What is wrong with a topic's log fails its publishes, and not the link that brought them. */
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
    this.#waitingBytes += publish.length;
    if (lane.isBusy) this.#pauseWhereFull(publish.origin);
    if (topic.enqueue(publish)) lane.add(topic);
  }

  #wait(name: string, publish: Publish, opening?: Promise<OwnedTopic>): void {
    this.#waitingBytes += publish.length;
    this.#pauseWhereFull(publish.origin);
    this.#opening.add(name, [publish], opening);
  }

  #laneAt(number: number): CommitLane {
    const lane = this.#lanes.get(number);
    if (lane !== undefined) return lane;
    const made = new CommitLane(number, this.#host);
    this.#lanes.set(number, made);
    return made;
  }

  #committed(error: unknown): void {
    if (error !== undefined && this.#fault === undefined) this.#options.failed(error);
    this.#fault = error === undefined ? undefined : publicReason(error).slice(0, 100);
  }

  #pauseWhereFull(origin: PublishOrigin): void {
    if (this.#waitingBytes <= MAX_WAITING_BYTES || this.#paused.has(origin)) return;
    this.#paused.add(origin);
    origin.pauseReading();
  }

  #took(bytes: number): void {
    this.#waitingBytes -= bytes;
    if (this.#waitingBytes > MAX_WAITING_BYTES) return;
    for (const origin of this.#paused) origin.resumeReading();
    this.#paused.clear();
  }
}
