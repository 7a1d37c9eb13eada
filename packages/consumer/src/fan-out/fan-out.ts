// Delivers the messages of one topic to its subscribers, on the topic's owner and on a relay alike.
// It pushes new batches to the subscribers at the head, and lets the others catch up from the log.
// docs/architecture.md#fan-out
import { ShardcastError, type ErrorCode, type From, type Position } from "@shardcast/protocol";
import type { Runtime } from "@shardcast/process";
import type { Turn, TurnWork } from "@shardcast/server";
import { Damage, type Batch, type Page, type ReadableLog } from "@shardcast/log";
import type { Occupancy } from "./occupancy.ts";
import type { FanOutCounters } from "./fan-out-counters.ts";
import type { Subscription } from "./subscription.ts";

/** The bytes of one page. A subscription that catches up gets at most one page per turn. */
const PAGE_BYTES = 64 * 1024;
/** How long to wait before reading again after the log could not be read. */
const RETRY_MS = 250;

/** The empty set that most topics share, so that a node may have very many topics. Never add to it. */
const NOBODY = new Set<Subscription>();

export interface FanOutContext {
  readonly turn: Turn;
  readonly runtime: Runtime;
  readonly counters: FanOutCounters;
  /** Called with errors that no caller waits for. */
  readonly onError: (error: unknown) => void;
  /**
   * Notified when the first subscriber arrives and when the last one leaves. Undefined on a node
   * whose subscribers are reported by other nodes.
   */
  readonly occupancy?: Occupancy | undefined;
  /** Called with the name of a topic whose last subscriber has left. */
  readonly onUnused?: ((name: string) => void) | undefined;
}

export class FanOut implements TurnWork {
  readonly name: string;
  /** This node's number for the topic; frames carry it instead of the name. */
  readonly id: number;
  readonly #context: FanOutContext;
  readonly #log: ReadableLog;
  /**
   * The offset up to which messages were pushed. The log may briefly have more, which it pushes
   * next.
   */
  #head: number;
  readonly #live: Subscription[] = [];
  #others = NOBODY;
  #toRead: Subscription[] = [];
  /**
   * Subscriptions whose cursor is past what was pushed so far: they read ahead of it, or they come
   * from another node.
   */
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

  /** Yields, for each subscription that is behind, how many messages it is behind. */
  *lags(): Generator<number> {
    for (const subscription of this.#others) {
      if (subscription.state === "behind") yield this.lagOf(subscription);
    }
  }

  /** How many messages a subscription is behind; 0 until it has its start, and while it is live. */
  lagOf({ state, cursor }: Subscription): number {
    return state === "behind" ? Math.max(0, this.#log.head - cursor) : 0;
  }

  /**
   * Closes the links of subscribers that were at the head and are now more than `maxLag` messages
   * behind.
   */
  endSlow(maxLag: number): void {
    for (const { state, cursor, wasLive, sink } of this.#others) {
      if (state !== "behind" || !wasLive || !sink.isOpen) continue;
      if (this.#log.head - cursor <= maxLag) continue;
      this.#context.counters.slowEnded += 1;
      sink.close("SHARDCAST_SUBSCRIBER_SLOW");
    }
  }

  /**
   * Adds a subscription: its client receives the start position, and then every later message
   * exactly once and in order.
   */
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

  /** Ends a subscription. The client receives `code`, where it is not empty. */
  end(subscription: Subscription, code = ""): void {
    if (subscription.state === "ended") return;
    // On a relay, the subscription may still be waiting for its topic, and is not counted yet.
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

  endAll(code: ErrorCode): void {
    for (const subscription of [...this.#live, ...this.#others]) this.end(subscription, code);
  }

  /**
   * Pushes a batch that the log has just stored to all subscribers at the head. This is the hot
   * path.
   */
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

  /** Sends the next page to a subscription, or makes it live if it is at the head. */
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

  /**
   * Called when the log continues at another position: in another epoch, or after a hole.
   * Subscribers receive a gap frame for the messages that they miss.
   */
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

  /**
   * The offset before the first message that a subscription which resumes from a position may get.
   */
  #resumesFrom({ resumesFrom }: Subscription, from: From): number | Promise<number> {
    if (resumesFrom === undefined || from.type !== "position") return 0;
    return this.#log.resolve({ type: "since", time: resumesFrom });
  }

  /** @param since the offset before the first message that the subscription may get */
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
    // On a relay, the owner may have announced a higher offset than has arrived here.
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

  /** An error that only this reader meets ends its subscription, and no other. */
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
    // The topic may have another epoch by now.
    if (epoch === this.#log.epoch) {
      // The log will not return these messages later either. Skip them: reading again at once would
      // repeat for ever.
      const next = page?.first ?? this.#nextFor(subscription);
      if (next > subscription.cursor + 1)
        this.#sendGap(subscription, subscription.cursor + 1, next);
      if (page instanceof Damage) this.#skip(subscription, page);
      else if (page !== undefined) this.#sendBatch(subscription, page);
    }
    this.#readLater(subscription);
  }

  /** The first offset that a subscription may get when the log has nothing after its cursor. */
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

  /** Damaged messages are announced as a gap, after a frame that gives the cause. */
  #skip(subscription: Subscription, { first, last }: Damage): void {
    const { sink, sub } = subscription;
    sink.send({ type: "cause", sub, code: "SHARDCAST_MESSAGES_DAMAGED" });
    this.#sendGap(subscription, first, last + 1);
  }

  /**
   * Sends one page per turn: in between, the link writes the page and reports whether it is
   * congested.
   */
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

  /** @param oldest the first offset that the subscription can get */
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

  /** The last subscription takes the freed place: the order among subscribers has no meaning. */
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
