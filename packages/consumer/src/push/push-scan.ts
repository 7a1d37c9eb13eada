// Searches this node's topics, in the background, for messages left to deliver: after a start, for
// a new subscription, and for topics taken over from another owner.
import type { Log } from "@shardcast/log";
import type { Topics } from "../topics/topics.ts";
import type { PushPositions } from "./push-positions.ts";
import type { PushQueue, PushScheduler } from "./push-scheduler.ts";
import { PUSH_TOPIC } from "./push-topic.ts";

/** With Redis, each page queries all shards. */
const PAGE_TOPICS = 5000;
/** The approximate time of one slice of work, in ms. */
const SLICE_MS = 2;
const RETRY_MS = 1000;

export interface PushScanOptions {
  readonly log: Log;
  readonly topics: Topics;
  readonly positions: PushPositions;
  readonly scheduler: PushScheduler;
  readonly onError: (error: unknown) => void;
}

export class PushScan {
  readonly #options: PushScanOptions;
  #isWanted = false;
  #isRunning = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PushScanOptions) {
    this.#options = options;
  }

  /** Scans all topics from the beginning; a scan in progress finishes first. */
  request(): void {
    this.#isWanted = true;
    if (this.#isRunning || this.#isClosed) return;
    this.#isRunning = true;
    this.#run()
      .catch((error: unknown) => {
        this.#options.onError(error);
        this.#timer = setTimeout(() => this.request(), RETRY_MS).unref();
      })
      .finally(() => (this.#isRunning = false));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      // Merges requests that are made in the same turn.
      await pause();
      await this.#scan();
    }
  }

  async #scan(): Promise<void> {
    const { log, scheduler } = this.#options;
    let sliceEnd = performance.now() + SLICE_MS;
    for (let after = ""; ;) {
      if ([...scheduler.queues()].every(({ subscription }) => !subscription.isActive)) return;
      const names = await log.topics(after, PAGE_TOPICS);
      for (const name of names) {
        after = name;
        if (this.#isClosed) return;
        await this.#look(name);
        if (performance.now() < sliceEnd) continue;
        await pause();
        sliceEnd = performance.now() + SLICE_MS;
      }
      if (names.length < PAGE_TOPICS) return;
    }
  }

  async #look(name: string): Promise<void> {
    const { topics, scheduler } = this.#options;
    if (name === PUSH_TOPIC || !topics.isOwned(name)) return;
    for (const queue of scheduler.queues()) {
      const { subscription, isOverfull } = queue;
      if (isOverfull || !subscription.isActive || !subscription.matches(name)) continue;
      if (!queue.topics.has(name) && (await this.#hasNews(queue, name)))
        scheduler.wake(queue, name);
    }
  }

  async #hasNews({ subscription }: PushQueue, name: string): Promise<boolean> {
    const { topics, positions } = this.#options;
    const known = await positions.get(subscription.positionKey(name));
    if (known !== undefined) {
      const { epoch, head } = await topics.standing(name, { type: "live" });
      return epoch !== known.epoch || head > known.offset;
    }
    const { config, createdAt } = subscription;
    const isAll = config.from === "earliest";
    const { head, after } = await topics.standing(
      name,
      isAll ? { type: "earliest" } : { type: "since", time: createdAt },
    );
    return head > after;
  }
}

/** Lets the event loop read sockets. */
function pause(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
