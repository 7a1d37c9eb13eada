// A topic as its subscribers see it, on its owner and on a relay alike: pushes new batches to those who
// are at head, and lets the others catch up from the log. docs/architecture.md#fan-out
import { ShardcastError, type ErrorCode, type From, type Position } from "@shardcast/protocol";
import type { Runtime } from "@shardcast/process";
import type { Turn, TurnWork } from "@shardcast/server";
import { Damage, type Batch, type Page, type ReadableLog } from "@shardcast/log";
import type { Occupancy } from "./occupancy.ts";
import type { FanOutCounters } from "./fan-out-counters.ts";
import type { Subscription } from "./subscription.ts";

/** What one catching-up subscription is sent a turn. */
const PAGE_BYTES = 64 * 1024;
/** How long to wait when the log cannot be read. */
const RETRY_MS = 250;

/** Shared by all topics that nobody follows: most of them, where there are very many. Nothing is ever put into it. */
const NOBODY = new Set<Subscription>();

export interface FanOutContext {
  readonly turn: Turn;
  readonly runtime: Runtime;
  readonly counters: FanOutCounters;
  /** Told of an error that nobody waits for. */
  readonly onError: (error: unknown) => void;
  /** Told of the first subscriber and of the last; undefined where others are elsewhere. */
  readonly occupancy?: Occupancy | undefined;
  /** Told of a topic whose last subscriber has gone. */
  readonly onUnused?: ((name: string) => void) | undefined;
}

export class FanOut implements TurnWork {
  readonly name: string;
  /** This node's number for it, on the wire in place of the name. */
  readonly id: number;
  readonly #context: FanOutContext;
  readonly #log: ReadableLog;
  /** Up to here everything was pushed. The log may have more for a moment, and push it next. */
  #head: number;
  readonly #live: Subscription[] = [];
  #others = NOBODY;
  #toRead: Subscription[] = [];
  /** Those that have seen more than was pushed so far: read ahead of it, or at another node. */
  #ahead = NOBODY;

  constructor(name: string, id: number, log: ReadableLog, context: FanOutContext) {
    this.name = name;
    this.id = id;
    this.#log = log;
    this.#head = log.head;
    this.#context = context;
  }

  get position(): Position {
    return { epoch: this.#log.epoch, offset: this.#log.head };
  }

  get subscriberCount(): number {
    return this.#live.length + this.#others.size;
  }

  /** How many messages each subscription lacks that is not at head. */
  *lags(): Generator<number> {
    for (const { state, cursor } of this.#others) {
      if (state === "behind") yield Math.max(0, this.#log.head - cursor);
    }
  }

  /** Ends the links of those that were at head and have fallen behind by more than a number of messages. */
  endSlow(maxLag: number): void {
    for (const { state, cursor, wasLive, sink } of this.#others) {
      if (state !== "behind" || !wasLive || !sink.isOpen) continue;
      if (this.#log.head - cursor <= maxLag) continue;
      this.#context.counters.slowEnded += 1;
      sink.close("SHARDCAST_SUBSCRIBER_SLOW");
    }
  }

  /** Adds a subscription: it is told where it starts, and gets everything after that, once and in order. */
  subscribe(subscription: Subscription, from: From): void {
    this.#context.counters.subscriptions += 1;
    this.#addOther(subscription);
    if (this.subscriberCount === 1) this.#context.occupancy?.occupied(this.name);
    const start = this.#log.resolve(from);
    const since = this.#resumesFrom(subscription, from);
    if (typeof start === "number" && typeof since === "number") {
      this.#begin(subscription, from, start, since);
    } else {
      Promise.all([start, since])
        .then(
          (offsets) => {
            this.#begin(subscription, from, ...offsets);
          },
          () => {
            this.end(subscription, "SHARDCAST_OWNER_UNAVAILABLE");
          },
        )
        .catch(this.#context.onError);
    }
  }

  /** Ends a subscription; with a code, its client is told why. */
  end(subscription: Subscription, code = ""): void {
    if (subscription.state === "ended") return;
    // On a relay it may still wait for its topic, and count as none.
    const before = this.subscriberCount;
    this.#leaveLive(subscription);
    this.#deleteOther(subscription);
    this.#context.counters.subscriptions -= before - this.subscriberCount;
    this.#ahead.delete(subscription);
    subscription.end();
    if (this.subscriberCount === 0) this.#context.occupancy?.vacated(this.name);
    if (this.subscriberCount === 0) this.#context.onUnused?.(this.name);
    if (subscription.sink.isOpen) {
      const { sub } = subscription;
      subscription.sink.send({ type: "unsubscribed", sub, code, reason: "" });
    }
  }

  /** Ends all subscriptions. */
  endAll(code: ErrorCode): void {
    for (const subscription of [...this.#live, ...this.#others]) this.end(subscription, code);
  }

  /** Pushes a batch that the log has just got to all who are at head. The hot path. */
  deliver(batch: Batch): void {
    const live = this.#live;
    let index = 0;
    this.#head = batch.last;
    this.#context.counters.deliveries += live.length * (batch.last - batch.first + 1);
    while (index < live.length) {
      const subscription = live[index];
      if (subscription === undefined) break;
      if (subscription.sink.isCongested) this.#fallBehind(subscription, batch.first - 1);
      else {
        subscription.sink.sendShared(batch.shared);
        index += 1;
      }
    }
    if (this.#ahead.size > 0) this.#wakeAhead();
  }

  /** Sends the next page to a subscription, or makes it live where it is at head. */
  catchUp(subscription: Subscription): void {
    const { sink } = subscription;
    if (subscription.state !== "behind" || subscription.isReading) return;
    if (!sink.isOpen || sink.isCongested) return;
    this.#announceGap(subscription);
    if (subscription.cursor > this.#head) {
      this.#ahead = withAdded(this.#ahead, subscription);
      return;
    }
    if (subscription.cursor === this.#head) {
      this.#goLive(subscription);
      return;
    }
    const epoch = this.#log.epoch;
    const page = this.#read(subscription);
    subscription.isReading = true;
    if (!(page instanceof Promise)) {
      this.#sendPage(subscription, page, epoch);
      return;
    }
    page
      .then(
        (read) => {
          this.#sendPage(subscription, read, epoch);
        },
        () => {
          this.#context.runtime.setTimeout(() => this.#readLater(subscription), RETRY_MS);
        },
      )
      .catch(this.#context.onError);
  }

  /** The log goes on elsewhere: in another epoch, or after a hole. Subscribers are told what they miss. */
  logReplaced(before: Position): void {
    const isNewEpoch = this.#log.epoch !== before.epoch;
    this.#head = this.#log.head;
    for (const subscription of [...this.#live]) this.#fallBehind(subscription, before.offset);
    for (const subscription of this.#others) {
      if (subscription.state !== "behind") continue;
      if (isNewEpoch) this.#sendGap(subscription, 1);
      this.catchUp(subscription);
    }
  }

  endTurn(): void {
    const toRead = this.#toRead;
    this.#toRead = [];
    for (const subscription of toRead) {
      subscription.isReading = false;
      this.catchUp(subscription);
    }
  }

  /** The offset before what a subscription may get that goes on from a position. */
  #resumesFrom({ resumesFrom }: Subscription, from: From): number | Promise<number> {
    if (resumesFrom === undefined || from.type !== "position") return 0;
    return this.#log.resolve({ type: "since", time: resumesFrom });
  }

  /** @param since the offset before the first message that it may get */
  #begin(subscription: Subscription, from: From, start: number, since: number): void {
    if (subscription.state !== "starting") return;
    const { sink, sub } = subscription;
    const { epoch, head } = this.#log;
    const oldest = Math.max(this.#log.oldest, since + 1);
    const isOtherEpoch = from.type === "position" && !this.#log.continues(from.position);
    const recovered = !isOtherEpoch && start + 1 >= oldest;
    subscription.state = "behind";
    subscription.cursor = start;
    const position = { epoch, offset: Math.max(start, oldest - 1) };
    // On a relay the owner may have told of more than has arrived here.
    const known = Math.max(head, position.offset);
    sink.send({
      type: "subscribed",
      sub,
      topicId: this.id,
      recovered,
      position,
      head: known,
      oldest,
    });
    if (isOtherEpoch) this.#sendGap(subscription, 1, oldest);
    else if (start + 1 < oldest) this.#sendGap(subscription, start + 1, oldest);
    this.catchUp(subscription);
  }

  /** What a reader cannot have for a reason of its own ends its subscription, and no other. */
  #read(subscription: Subscription): Page | undefined | Promise<Page | undefined> {
    try {
      return this.#log.read(subscription.cursor, PAGE_BYTES);
    } catch (error) {
      this.#context.onError(error);
      this.end(subscription, error instanceof ShardcastError ? error.code : "SHARDCAST_INTERNAL");
      return undefined;
    }
  }

  #sendPage(subscription: Subscription, page: Page | undefined, epoch: string): void {
    if (subscription.state !== "behind") return;
    // Meanwhile the topic may have got another epoch.
    if (epoch === this.#log.epoch) {
      // What the log does not give will not come: to ask again at once would go on for ever.
      const next = page?.first ?? this.#nextFor(subscription);
      if (next > subscription.cursor + 1)
        this.#sendGap(subscription, subscription.cursor + 1, next);
      if (page instanceof Damage) this.#skip(subscription, page);
      else if (page !== undefined) this.#sendBatch(subscription, page);
    }
    this.#readLater(subscription);
  }

  /** The first offset that a subscription may get, where the log has nothing behind its cursor. */
  #nextFor({ cursor }: Subscription): number {
    const { oldest } = this.#log;
    return oldest > cursor + 1 ? oldest : this.#head + 1;
  }

  #sendBatch(subscription: Subscription, batch: Batch): void {
    subscription.sink.sendShared(batch.shared);
    subscription.cursor = batch.last;
    this.#context.counters.pages += 1;
    this.#context.counters.pageBytes += batch.bytes;
    this.#context.counters.deliveries += batch.last - batch.first + 1;
  }

  /** Damaged messages are announced like others that cannot be had, and why. */
  #skip(subscription: Subscription, { first, last }: Damage): void {
    const { sink, sub } = subscription;
    sink.send({ type: "cause", sub, code: "SHARDCAST_MESSAGES_DAMAGED" });
    this.#sendGap(subscription, first, last + 1);
  }

  /** One page a turn: the link writes it in between, and shows whether it is congested. */
  #readLater(subscription: Subscription): void {
    subscription.isReading = true;
    this.#toRead.push(subscription);
    if (this.#toRead.length === 1) this.#context.turn.defer(this);
  }

  #wakeAhead(): void {
    const ahead = [...this.#ahead];
    this.#ahead.clear();
    for (const subscription of ahead) this.catchUp(subscription);
  }

  #announceGap(subscription: Subscription): void {
    if (subscription.cursor + 1 < this.#log.oldest) {
      this.#sendGap(subscription, subscription.cursor + 1);
    }
  }

  /** @param oldest the first message that it can have */
  #sendGap(subscription: Subscription, first: number, oldest = this.#log.oldest): void {
    const { epoch } = this.#log;
    const { sink, sub } = subscription;
    sink.send({ type: "gap", sub, epoch, first, last: oldest - 1 });
    subscription.cursor = oldest - 1;
    this.#context.counters.gaps += 1;
  }

  #goLive(subscription: Subscription): void {
    this.#deleteOther(subscription);
    subscription.state = "live";
    subscription.wasLive = true;
    subscription.liveIndex = this.#live.length;
    this.#live.push(subscription);
  }

  #fallBehind(subscription: Subscription, cursor: number): void {
    this.#leaveLive(subscription);
    subscription.state = "behind";
    subscription.cursor = cursor;
    this.#addOther(subscription);
  }

  #addOther(subscription: Subscription): void {
    const { counters } = this.#context;
    this.#others = withAdded(this.#others, subscription);
    counters.lagging += 1;
    if (this.#others.size === 1) counters.laggingTopics.add(this);
  }

  #deleteOther(subscription: Subscription): void {
    const { counters } = this.#context;
    if (!this.#others.delete(subscription)) return;
    counters.lagging -= 1;
    if (this.#others.size === 0) counters.laggingTopics.delete(this);
  }

  /** The last one takes its place: the order among subscribers means nothing. */
  #leaveLive(subscription: Subscription): void {
    if (subscription.state !== "live") return;
    const last = this.#live.pop();
    if (last !== undefined && last !== subscription) {
      this.#live[subscription.liveIndex] = last;
      last.liveIndex = subscription.liveIndex;
    }
    subscription.liveIndex = -1;
  }
}

function withAdded(set: Set<Subscription>, subscription: Subscription): Set<Subscription> {
  return set === NOBODY ? new Set([subscription]) : set.add(subscription);
}
