// Chooses the next topic to run: round-robin over subscriptions, and over the topics of each
// subscription. So neither a slow endpoint nor a busy topic delays the others longer than
// necessary.
//
//   a topic has news ─▶ ready ─▶ running ─┬▶ nothing left: removed
//                         ▲               ├▶ others wait: ready again, behind them
//                         └── waiting ◀───┴▶ its next message must be retried later
import type { PushSubscription } from "./push-subscription.ts";
import { TopicPush, type PushContext } from "./topic-push.ts";

/** The most requests of one node at once. */
const MAX_RUNNING = 256;
/** The most topics of one subscription that are scheduled. A later scan finds the others. */
const MAX_TOPICS = 10_000;

export interface PushSchedulerOptions {
  readonly context: PushContext;
  /** Called when topics were left out because a queue was full, and it has room again. */
  readonly onRoom: () => void;
  readonly onError: (error: unknown) => void;
}

/** The scheduled topics of one subscription at this node. */
export class PushQueue {
  subscription: PushSubscription;
  readonly topics = new Map<string, TopicPush>();
  /** In the order in which they became ready. */
  readonly ready = new Set<TopicPush>();
  runningCount = 0;
  isStopped = false;
  /** Whether topics were left out because the queue was full. */
  isOverfull = false;
  /** When each kind of error was last logged. */
  readonly toldAt = new Map<string, number>();

  constructor(subscription: PushSubscription) {
    this.subscription = subscription;
  }

  get isRunnable(): boolean {
    if (this.isStopped || !this.subscription.isActive) return false;
    return this.ready.size > 0 && this.runningCount < this.subscription.config.concurrency;
  }
}

export class PushScheduler {
  readonly #options: PushSchedulerOptions;
  readonly #queues = new Map<string, PushQueue>();
  /** Queues that may have a topic to run, in the order of their turns. */
  readonly #turns = new Set<PushQueue>();
  #runningCount = 0;
  #isStopped = false;

  constructor(options: PushSchedulerOptions) {
    this.#options = options;
  }

  get runningCount(): number {
    return this.#runningCount;
  }

  queues(): Iterable<PushQueue> {
    return this.#queues.values();
  }

  /** Adds or updates a subscription. The caller then requests a scan, which finds its topics. */
  update(subscription: PushSubscription): void {
    const known = this.#queues.get(subscription.name);
    if (known !== undefined && known.subscription.id === subscription.id) {
      known.subscription = subscription;
      known.isOverfull = false;
      for (const topic of known.topics.values()) {
        const isWanted = subscription.isActive && subscription.matches(topic.name);
        if (isWanted) topic.retryNow();
        else this.#drop(known, topic);
      }
      this.#offer(known);
      return;
    }
    if (known !== undefined) this.#stop(known);
    this.#queues.set(subscription.name, new PushQueue(subscription));
  }

  remove(name: string): void {
    const queue = this.#queues.get(name);
    this.#queues.delete(name);
    if (queue !== undefined) this.#stop(queue);
  }

  /** Schedules a topic that has messages to deliver; `first` is their first offset, if known. */
  wake(queue: PushQueue, name: string, first?: number): void {
    if (this.#isStopped || queue.isStopped || !queue.subscription.isActive) return;
    const known = queue.topics.get(name);
    if (known !== undefined) {
      known.hasNews = true;
      return;
    }
    if (queue.topics.size >= MAX_TOPICS) {
      queue.isOverfull = true;
      return;
    }
    const topic = new TopicPush(name, { queue, first }, this.#options.context);
    queue.topics.set(name, topic);
    this.#ready(queue, topic);
  }

  /**
   * The ring has changed. Another node may have delivered messages meanwhile, so positions are read
   * again.
   */
  regroup(): void {
    for (const queue of this.#queues.values()) {
      for (const topic of queue.topics.values()) topic.forgetPosition();
    }
  }

  /** Starts no further deliveries. */
  stop(): void {
    this.#isStopped = true;
    for (const queue of this.#queues.values()) {
      for (const topic of queue.topics.values()) topic.stopWaiting();
    }
  }

  #stop(queue: PushQueue): void {
    queue.isStopped = true;
    this.#turns.delete(queue);
    for (const topic of queue.topics.values()) this.#drop(queue, topic);
  }

  /** Removes a topic; a running delivery finishes first. */
  #drop(queue: PushQueue, topic: TopicPush): void {
    topic.stopWaiting();
    queue.ready.delete(topic);
    if (!topic.isRunning) queue.topics.delete(topic.name);
  }

  #ready(queue: PushQueue, topic: TopicPush): void {
    queue.ready.add(topic);
    this.#offer(queue);
  }

  #offer(queue: PushQueue): void {
    this.#queueUp(queue);
    this.#runAll();
  }

  #queueUp(queue: PushQueue): void {
    if (queue.isRunnable) this.#turns.add(queue);
  }

  #runAll(): void {
    while (this.#runningCount < MAX_RUNNING && !this.#isStopped) {
      const [queue] = this.#turns;
      if (queue === undefined) return;
      this.#turns.delete(queue);
      const [topic] = queue.ready;
      if (topic === undefined || !queue.isRunnable) continue;
      queue.ready.delete(topic);
      this.#run(queue, topic);
      this.#queueUp(queue);
    }
  }

  #run(queue: PushQueue, topic: TopicPush): void {
    queue.runningCount += 1;
    this.#runningCount += 1;
    topic
      .run(() => queue.ready.size > 0 || this.#turns.size > 0)
      .then((end) => {
        queue.runningCount -= 1;
        this.#runningCount -= 1;
        this.#ended(queue, topic, end);
      })
      .catch(this.#options.onError);
  }

  #ended(queue: PushQueue, topic: TopicPush, end: "idle" | "more" | number): void {
    const { subscription } = queue;
    const isWanted = !queue.isStopped && !this.#isStopped && subscription.isActive;
    if (!isWanted || !subscription.matches(topic.name)) end = "idle";
    else if (end === "idle" && topic.hasNews) end = "more";
    if (typeof end === "number") topic.wait(end, () => this.#ready(queue, topic));
    else if (end === "more") queue.ready.add(topic);
    else if (queue.topics.get(topic.name) === topic) queue.topics.delete(topic.name);
    if (queue.isOverfull && queue.topics.size < MAX_TOPICS / 2) {
      queue.isOverfull = false;
      this.#options.onRoom();
    }
    this.#queueUp(queue);
    this.#runAll();
  }
}
