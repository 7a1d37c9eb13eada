// Delivers one topic to one push subscription: its messages in order, one request at a time. The
// object exists only as long as there are messages to deliver.
import {
  ShardcastError,
  decodeFrames,
  formatPosition,
  type MessageFrame,
  type Position,
} from "@shardcast/protocol";
import { Damage, type ReadableLog } from "@shardcast/log";
import type { Runtime, Timer } from "@shardcast/process";
import type { PostResult, WebhookSender } from "@shardcast/webhooks";
import type { NodeCore } from "@shardcast/server";
import type { OwnedTopic } from "../owner/owned-topic.ts";
import { deadLetterOf, isDeadLetter } from "./dead-letter.ts";
import type { NodeMessage } from "@shardcast/server";
import type { PushPositions } from "./push-positions.ts";
import { pushHeaders } from "./push-request.ts";
import type { PushSubscription } from "./push-subscription.ts";

const PAGE_BYTES = 64 * 1024;
/** The number of messages after which a topic lets other topics run. */
const TURN_MESSAGES = 16;
/** How long to wait if the log, or the owner of the dead letters' topic, is unavailable. */
const TROUBLE_MS = 1000;
/** The longest wait, for any Retry-After. */
const MAX_RETRY_AFTER_MS = 60 * 60 * 1000;
/** How often an error of one kind is logged for one subscription. The metrics count every error. */
const TELL_MS = 10_000;

export interface PushCounters {
  delivered: number;
  /** Attempts without an answer, or with one that asks to retry. */
  failed: number;
  /** Attempts with an answer that is neither 2xx nor asks to retry. */
  refused: number;
  /** Attempts whose URL or address is not allowed. */
  blocked: number;
  retries: number;
  deadLetters: number;
  /** Messages that were dropped because they were dead letters already. */
  dropped: number;
  disabled: number;
  /** How often messages were gone, or a topic started again in a new epoch. */
  gaps: number;
}

/** The parts that all topics share. */
export interface PushContext {
  readonly sender: Pick<WebhookSender, "post">;
  readonly positions: PushPositions;
  readonly logger: NodeCore["logger"];
  readonly runtime: Runtime;
  /** Returns the current time, in ms since 1970. */
  readonly now: () => number;
  readonly counters: PushCounters;
  /** Aborts running requests. */
  readonly signal: AbortSignal;
  /** @throws SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE */
  readonly ownedTopic: (name: string) => OwnedTopic | Promise<OwnedTopic>;
  /** @throws the code with which the publish is refused */
  readonly publish: (message: NodeMessage) => Promise<unknown>;
  /** @returns false if the subscription was changed meanwhile, or is already disabled */
  readonly disable: (subscription: PushSubscription, reason: string) => boolean;
  readonly owns: (topic: string) => boolean;
  /** Whether the node is stopping, so that no new request may start. */
  readonly isStopping: () => boolean;
}

/** The queue of the subscription that the topic is delivered to. */
export interface TurnSource {
  readonly subscription: PushSubscription;
  readonly isStopped: boolean;
  /** When each kind of error was last logged. */
  readonly toldAt: Map<string, number>;
}

/** The result of a turn: nothing left, more messages for another turn, or a time to wait, in ms. */
type TurnEnd = "idle" | "more" | number;

export class TopicPush {
  readonly name: string;
  /** Whether messages were stored since the log was last read. */
  hasNews = false;
  isRunning = false;
  readonly #queue: TurnSource;
  /** The offset of the first message that was stored after the topic was known to be pushed. */
  readonly #first: number | undefined;
  readonly #context: PushContext;
  /** The position of the last message delivered; undefined if the stored position must be read. */
  #position: Position | undefined;
  #page: MessageFrame[] = [];
  /** The number of attempts for the message at `#failed`. */
  #attempts = 0;
  /**
   * The position of the message that failed last. It may no longer be the next message: see
   * {@link #forgetOtherFailure}.
   */
  #failed: Position | undefined;
  /** When the first attempt failed, by the monotonic clock, in ms. */
  #failedAt = 0;
  /**
   * Why delivery of the message at `#failed` has failed for good. The message is not stored among
   * the dead letters yet.
   */
  #givenUpFor: string | undefined;
  /** Whether the ring has changed during this turn. */
  #isMoved = false;
  #timer: Timer | undefined;
  #ready: (() => void) | undefined;

  constructor(
    name: string,
    { queue, first }: { readonly queue: TurnSource; readonly first: number | undefined },
    context: PushContext,
  ) {
    this.name = name;
    this.#queue = queue;
    this.#first = first;
    this.#context = context;
  }

  /** The position of the last message delivered; undefined if it is not known at the moment. */
  get position(): Position | undefined {
    return this.#position;
  }

  /**
   * Delivers messages until none is left, or until the turn is over and other topics wait. Never
   * rejects.
   */
  async run(doOthersWait: () => boolean): Promise<TurnEnd> {
    this.isRunning = true;
    try {
      return await this.#run(doOthersWait);
    } catch (error) {
      // The topic's new owner delivers it.
      if (error instanceof ShardcastError && error.code === "SHARDCAST_NOT_OWNER") return "idle";
      this.#tell("error", "a topic cannot be pushed", { error });
      return TROUBLE_MS;
    } finally {
      this.isRunning = false;
      if (this.#isMoved) this.#position = undefined;
      this.#isMoved = false;
      this.#page = [];
    }
  }

  wait(ms: number, ready: () => void): void {
    this.#ready = ready;
    this.#timer = this.#context.runtime.setTimeout(() => this.wake(), ms);
    this.#timer.unref();
  }

  /** The subscription was changed, so an attempt may succeed now. */
  retryNow(): void {
    this.#attempts = 0;
    this.#givenUpFor = undefined;
    this.wake();
  }

  stopWaiting(): void {
    this.#context.runtime.clear(this.#timer);
    this.#ready = undefined;
  }

  /** Another node may have delivered messages, so the stored position must be read. */
  forgetPosition(): void {
    if (this.isRunning) this.#isMoved = true;
    else this.#position = undefined;
  }

  /** Ends the wait. */
  wake(): void {
    const ready = this.#ready;
    this.stopWaiting();
    ready?.();
  }

  async #run(doOthersWait: () => boolean): Promise<TurnEnd> {
    for (let count = 0; ; count += 1) {
      if (this.#page.length === 0) await this.#read();
      const [message] = this.#page;
      if (message === undefined) return this.#idle();
      const waitMs = await this.#deliver(message);
      if (waitMs !== undefined) return waitMs;
      if (this.#isUnwanted) return "more";
      if (count + 1 >= TURN_MESSAGES && doOthersWait()) return "more";
    }
  }

  get #isUnwanted(): boolean {
    const { isStopped, subscription } = this.#queue;
    const { owns, isStopping } = this.#context;
    return isStopped || !subscription.isActive || isStopping() || this.#isMoved || !owns(this.name);
  }

  #idle(): "idle" {
    this.#context.positions.flush();
    return "idle";
  }

  async #read(): Promise<void> {
    this.hasNews = false;
    const { log } = await this.#context.ownedTopic(this.name);
    const { epoch } = log;
    const after = await this.#placeIn(log);
    this.#position = { epoch, offset: after };
    let page = await log.read(after, PAGE_BYTES);
    while (page instanceof Damage) {
      this.#gap(page, "messages to be pushed are damaged");
      this.#position = { epoch, offset: page.last };
      page = await log.read(page.last, PAGE_BYTES);
    }
    if (page === undefined) return;
    const start = this.#position.offset;
    if (page.first > start + 1) this.#gap({ first: start + 1, last: page.first - 1 });
    this.#page = decodeFrames(page.shared.frames).filter(
      (frame): frame is MessageFrame => frame.type === "message" && frame.offset > start,
    );
  }

  /** The offset after which delivery continues. */
  async #placeIn(log: ReadableLog): Promise<number> {
    const { subscription } = this.#queue;
    const { positions } = this.#context;
    const known = this.#position ?? (await positions.get(subscription.positionKey(this.name)));
    if (known === undefined) {
      const { config, createdAt } = subscription;
      if (config.from === "earliest") return log.resolve({ type: "earliest" });
      const since = await log.resolve({ type: "since", time: createdAt });
      // The log's time and the subscription's time come from different clocks.
      return this.#first === undefined ? since : Math.min(since, this.#first - 1);
    }
    const isContinued = log.continues(known);
    const first = isContinued ? known.offset + 1 : 1;
    if (!isContinued || first < log.oldest) {
      this.#gap({ first, last: log.oldest - 1 });
      return log.oldest - 1;
    }
    return known.offset;
  }

  #gap(
    { first, last }: { readonly first: number; readonly last: number },
    what = "messages to be pushed are gone",
  ): void {
    this.#context.counters.gaps += 1;
    this.#tell("warn", what, { first, last });
  }

  /**
   * @returns how long to wait before the next attempt, in ms; undefined if the topic can continue
   */
  async #deliver(message: MessageFrame): Promise<number | undefined> {
    if (this.#attempts > 0) this.#forgetOtherFailure(message);
    if (this.#givenUpFor === undefined) {
      // The subscription may have changed when the answer arrives.
      const { subscription } = this.#queue;
      const result = await this.#post(message);
      const { counters, signal, disable } = this.#context;
      if (result.type === "delivered") {
        counters.delivered += 1;
        this.#advance(message);
        return undefined;
      }
      if (result.type === "gone") {
        if (disable(subscription, result.reason)) counters.disabled += 1;
        return TROUBLE_MS;
      }
      // An attempt that this node aborted says nothing about the endpoint.
      if (signal.aborted) return TROUBLE_MS;
      const waitMs = this.#fail(message, result);
      if (waitMs !== undefined) return waitMs;
    }
    return this.#giveUp(message, this.#givenUpFor ?? "");
  }

  #post(message: MessageFrame): Promise<PostResult> {
    const { sender, signal, counters, now } = this.#context;
    const { config, keys } = this.#queue.subscription;
    if (this.#attempts > 0) counters.retries += 1;
    const headers = pushHeaders(message, {
      topic: this.name,
      position: this.#positionOf(message),
      keys,
      attempt: this.#attempts + 1,
      timestampS: Math.floor(now() / 1000),
    });
    return sender.post(config.url, {
      headers,
      body: message.payload,
      timeoutMs: config.timeoutMs,
      signal,
    });
  }

  /**
   * Resets the attempts if another message failed last: another node may have delivered that one, or
   * the log may have trimmed it. The next message then has all its attempts.
   */
  #forgetOtherFailure({ offset }: MessageFrame): void {
    const failed = this.#failed;
    if (failed?.offset === offset && failed.epoch === this.#position?.epoch) return;
    this.#attempts = 0;
    this.#givenUpFor = undefined;
  }

  /** @returns how long to wait, in ms; undefined if that was the last attempt */
  #fail(
    message: MessageFrame,
    result: Extract<PostResult, { readonly reason: string }>,
  ): number | undefined {
    const { counters, runtime } = this.#context;
    if (result.type === "refused") counters.refused += 1;
    else if (result.type === "blocked") counters.blocked += 1;
    else counters.failed += 1;
    if (this.#attempts === 0) this.#failedAt = runtime.steady();
    this.#attempts += 1;
    this.#failed = { epoch: this.#position?.epoch ?? "", offset: message.offset };
    const position = this.#positionOf(message);
    const { reason } = result;
    this.#tell("warn", "a push failed", { position, attempts: this.#attempts, reason });
    const sinceMs = runtime.steady() - this.#failedAt;
    const { subscription } = this.#queue;
    const delayMs = subscription.retryDelayMs(this.#attempts, sinceMs, runtime.random());
    if (delayMs === undefined) {
      this.#givenUpFor = result.reason;
      return undefined;
    }
    const askedMs = result.type === "retry" ? (result.retryAfterMs ?? 0) : 0;
    return Math.max(delayMs, Math.min(askedMs, MAX_RETRY_AFTER_MS));
  }

  async #giveUp(message: MessageFrame, reason: string): Promise<number | undefined> {
    const { counters, publish } = this.#context;
    const { name, config } = this.#queue.subscription;
    const position = this.#positionOf(message);
    const facts = { position, attempts: this.#attempts, reason };
    if (isDeadLetter(message)) {
      counters.dropped += 1;
      this.#tell("warn", "a dead letter could not be pushed", facts);
      this.#advance(message);
      return undefined;
    }
    const letter = { topic: this.name, position, subscription: name };
    try {
      const attempts = this.#attempts;
      await publish(deadLetterOf(message, config.deadLetter, { ...letter, attempts, reason }));
    } catch (error) {
      this.#tell("error", "a dead letter cannot be stored yet", { error, ...facts });
      return TROUBLE_MS;
    }
    counters.deadLetters += 1;
    this.#tell("warn", "a message was given up", { ...facts, deadLetter: config.deadLetter });
    this.#advance(message);
    return undefined;
  }

  #advance({ offset }: MessageFrame): void {
    const epoch = this.#position?.epoch ?? "";
    this.#position = { epoch, offset };
    this.#attempts = 0;
    this.#givenUpFor = undefined;
    this.#page.shift();
    const { isStopped, subscription } = this.#queue;
    // A deleted subscription has no positions.
    if (!isStopped)
      this.#context.positions.set(subscription.positionKey(this.name), this.#position);
  }

  #positionOf({ offset }: MessageFrame): string {
    return formatPosition({ epoch: this.#position?.epoch ?? "", offset });
  }

  #tell(level: "warn" | "error", what: string, facts: object): void {
    const { toldAt, subscription } = this.#queue;
    const now = this.#context.runtime.steady();
    if (now - (toldAt.get(what) ?? -Infinity) < TELL_MS) return;
    toldAt.set(what, now);
    this.#context.logger[level](
      { subscription: subscription.name, topic: this.name, ...facts },
      what,
    );
  }
}
