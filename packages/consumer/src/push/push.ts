// Push subscriptions: topics delivered to URLs, each topic by the node that owns it. The registry
// holds the configuration, the scheduler decides which topic runs next, and the positions hold the
// progress of each topic. docs/architecture.md#push
//
//   push-options, push-routes ─▶ push-registry ◀─▶ $push      the subscriptions, the same at every consumer
//   a topic was stored to, push-scan ─▶ push-scheduler ─▶ topic-push ─▶ WebhookSender
//                                                             ├▶ push-positions ─▶ log.state
//                                                             └▶ dead-letter ─▶ another topic
import type { Log } from "@shardcast/log";
import type { NodeCore, NodePublisher } from "@shardcast/server";
import { WebhookSender } from "@shardcast/webhooks";
import type { Topics } from "../topics/topics.ts";
import { PushFeed } from "./push-feed.ts";
import type { PushOptions } from "./push-options.ts";
import { PushPositions } from "./push-positions.ts";
import { PushRegistry } from "./push-registry.ts";
import { PushScan } from "./push-scan.ts";
import { PushScheduler, type PushQueue } from "./push-scheduler.ts";
import { positionPrefix } from "./push-subscription.ts";
import { PUSH_TOPIC } from "./push-topic.ts";
import type { PushCounters } from "./topic-push.ts";

const MAX_SOCKETS = 256;
const LOAD_RETRY_MS = 1000;
const POLL_MS = 5;
/**
 * How long the nodes may take to see a new ring. Until then, another node may have stored to a
 * topic.
 */
const REGROUP_MS = 10_000;
/** The number of topics whose subscriptions are cached. If there are more, the cache is cleared. */
const REMEMBERED_TOPICS = 50_000;
const NO_QUEUES: readonly PushQueue[] = [];
/**
 * The share of the time for stopping that deliveries may take. The rest is for writing the
 * positions.
 */
const DELIVERY_SHARE = 0.8;

export interface PushNodeOptions {
  readonly core: NodeCore;
  readonly options: PushOptions;
  readonly topics: Topics;
  readonly log: Log;
  /** Publishes dead letters and the messages of the topic $push. */
  readonly publisher: NodePublisher;
}

export class Push {
  readonly registry: PushRegistry;
  readonly counters: PushCounters = {
    delivered: 0,
    failed: 0,
    refused: 0,
    blocked: 0,
    retries: 0,
    deadLetters: 0,
    dropped: 0,
    disabled: 0,
    gaps: 0,
  };
  readonly #options: PushNodeOptions;
  readonly #abort = new AbortController();
  readonly #sender: WebhookSender;
  readonly #positions: PushPositions;
  readonly #scheduler: PushScheduler;
  readonly #scan: PushScan;
  readonly #feed: PushFeed;
  readonly #queuesOf = new Map<string, readonly PushQueue[]>();
  #timer: NodeJS.Timeout | undefined;
  #regroupTimer: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: PushNodeOptions) {
    this.#options = options;
    const { core, topics, log, publisher } = options;
    const publish = publisher.publish.bind(publisher);
    const onError = (error: unknown): void => {
      core.logger.error({ error }, "pushing failed");
    };
    this.#sender = new WebhookSender({
      ...options.options.sender,
      maxSockets: MAX_SOCKETS,
      maxSocketsPerHost: MAX_SOCKETS,
      now: core.clock.now,
    });
    this.#positions = new PushPositions(log.state, core.runtime, onError);
    this.registry = new PushRegistry({
      state: log.state,
      files: options.options.files,
      publish,
      onError,
      now: core.clock.now,
      isOwner: () => topics.isOwned(PUSH_TOPIC),
      onChange: (name, goneId) => this.#changed(name, goneId),
    });
    this.#scheduler = new PushScheduler({
      context: {
        sender: this.#sender,
        positions: this.#positions,
        counters: this.counters,
        publish,
        logger: core.logger,
        signal: this.#abort.signal,
        runtime: core.runtime,
        now: core.clock.now,
        ownedTopic: (name) => topics.owned(name),
        disable: (subscription, reason) => this.registry.disable(subscription, reason),
        owns: (topic) => topics.isOwned(topic),
        isStopping: () => this.#isStopping,
      },
      onRoom: () => this.#scan.request(),
      onError,
    });
    this.#scan = new PushScan({
      log,
      topics,
      positions: this.#positions,
      scheduler: this.#scheduler,
      onError,
    });
    this.#feed = new PushFeed({
      topics,
      onBegin: () => this.registry.began(),
      onMessage: (text, offset) => this.registry.received(text, offset),
      onCaughtUp: () => this.registry.caughtUp(),
    });
  }

  /** The number of topics that have messages to deliver, or wait for a retry. */
  get activeCount(): number {
    let count = 0;
    for (const { topics } of this.#scheduler.queues()) count += topics.size;
    return count;
  }

  get runningCount(): number {
    return this.#scheduler.runningCount;
  }

  /** The number of messages that those topics have not delivered yet, as far as it is known. */
  get lag(): number {
    let lag = 0;
    for (const { topics } of this.#scheduler.queues()) {
      for (const { name, position } of topics.values()) {
        const head = this.#options.topics.positionOf(name)?.offset;
        if (head !== undefined) lag += Math.max(0, head - (position?.offset ?? head - 1));
      }
    }
    return lag;
  }

  /** Call this when the node listens. Retries until the log is available. */
  start(): void {
    if (this.#isStopping) return;
    this.registry.load().then(
      () => {
        if (!this.#isStopping) this.#feed.start();
      },
      (error: unknown) => {
        this.#options.core.logger.error({ error }, "push subscriptions cannot be read yet");
        this.#timer = setTimeout(() => this.start(), LOAD_RETRY_MS).unref();
      },
    );
  }

  /**
   * Called when a topic that this node owns has stored messages; `first` is their first offset, if
   * known. This is the hot path.
   */
  stored(name: string, first?: number): void {
    if (name === PUSH_TOPIC) {
      this.#feed.start();
      return;
    }
    const queues = this.#queuesOf.get(name) ?? this.#findQueues(name);
    for (const queue of queues) this.#scheduler.wake(queue, name, first);
  }

  /** Applies the current ring. */
  regroup(): void {
    this.#scheduler.regroup();
    this.#scan.request();
    clearTimeout(this.#regroupTimer);
    this.#regroupTimer = setTimeout(() => this.#scan.request(), REGROUP_MS).unref();
  }

  /** Lets running deliveries finish, and stores the positions. */
  async drain(deadline: number): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#regroupTimer);
    this.#scan.close();
    this.#scheduler.stop();
    const deliveriesEnd = performance.now() + DELIVERY_SHARE * (deadline - performance.now());
    while (this.#scheduler.runningCount > 0 && performance.now() < deliveriesEnd) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    this.#abort.abort();
    await this.#positions.settled(deadline);
  }

  /** Call this while the log is open. */
  async close(): Promise<void> {
    this.#isStopping = true;
    this.#feed.close();
    this.#sender.close();
    await this.registry.close();
    // Positions of deliveries that ended at the last moment.
    this.#positions.flush();
    this.#positions.close();
  }

  #findQueues(name: string): readonly PushQueue[] {
    const found = [...this.#scheduler.queues()].filter(({ subscription }) => {
      return subscription.isActive && subscription.matches(name);
    });
    if (this.#queuesOf.size >= REMEMBERED_TOPICS) this.#queuesOf.clear();
    this.#queuesOf.set(name, found.length === 0 ? NO_QUEUES : found);
    return found;
  }

  #changed(name: string, goneId: string | undefined): void {
    const { logger } = this.#options.core;
    this.#queuesOf.clear();
    if (goneId !== undefined) {
      this.#positions.forget(positionPrefix(name, goneId)).catch((error: unknown) => {
        logger.error({ error, subscription: name }, "positions cannot be forgotten");
      });
    }
    const subscription = this.registry.get(name);
    if (subscription === undefined) {
      this.#scheduler.remove(name);
      return;
    }
    if (subscription.disabled !== null) {
      const { disabled: reason } = subscription;
      logger.warn({ subscription: name, reason }, "a push subscription is disabled");
    }
    this.#scheduler.update(subscription);
    this.#scan.request();
  }
}
