// One topic that has something for one subscription: its messages in order, one request at a time. It is there only
// as long as something is left to deliver.
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
/** Messages after which a topic lets others go on. */
const TURN_MESSAGES = 16;
/** How long to wait where the log or the owner of the dead letters is out of reach. */
const TROUBLE_MS = 1000;
/** Nobody is waited for longer, whatever Retry-After says. */
const MAX_RETRY_AFTER_MS = 60 * 60 * 1000;
/** Trouble of one kind with one subscription is logged so often; the metrics count it all. */
const TELL_MS = 10_000;

export interface PushCounters {
  delivered: number;
  /** Attempts that got no answer, or one that says to try again. */
  failed: number;
  /** Attempts with an answer that is neither 2xx nor says to try again. */
  refused: number;
  /** Attempts whose URL or address is not allowed. */
  blocked: number;
  retries: number;
  deadLetters: number;
  /** Given up for good, since they were dead letters already. */
  dropped: number;
  disabled: number;
  /** Messages that could not be had any more, or topics that began anew. */
  gaps: number;
}

/** What all topics share. */
export interface PushContext {
  readonly sender: Pick<WebhookSender, "post">;
  readonly positions: PushPositions;
  readonly logger: NodeCore["logger"];
  readonly runtime: Runtime;
  /** Now, in ms since 1970. */
  readonly now: () => number;
  readonly counters: PushCounters;
  /** Ends what is on its way. */
  readonly signal: AbortSignal;
  /** @throws SHARDCAST_NOT_OWNER, SHARDCAST_LOG_UNAVAILABLE */
  readonly ownedTopic: (name: string) => OwnedTopic | Promise<OwnedTopic>;
  /** @throws the code that it is refused with */
  readonly publish: (message: NodeMessage) => Promise<unknown>;
  /** @returns false where it is another one by now, or disabled already */
  readonly disable: (subscription: PushSubscription, reason: string) => boolean;
  readonly owns: (topic: string) => boolean;
  /** Nothing new is to be sent. */
  readonly isStopping: () => boolean;
}

/** The subscription that it delivers for. */
export interface TurnSource {
  readonly subscription: PushSubscription;
  readonly isStopped: boolean;
  /** When each kind of trouble was logged the last time. */
  readonly toldAt: Map<string, number>;
}

/** How a turn ends: with nothing left, with more for a further turn, or with so many ms to wait. */
type TurnEnd = "idle" | "more" | number;

export class TopicPush {
  readonly name: string;
  /** Something was stored since the log was looked at the last time. */
  hasNews = false;
  isRunning = false;
  readonly #queue: TurnSource;
  /** The first message that came while it was known that the topic is pushed. */
  readonly #first: number | undefined;
  readonly #context: PushContext;
  /** Of what was delivered last; undefined where the stored one is to be asked. */
  #position: Position | undefined;
  #page: MessageFrame[] = [];
  /** Attempts that the message at #failed has had. */
  #attempts = 0;
  /** The message that failed last, which need not be the next one any more: see {@link #forgetOtherFailure}. */
  #failed: Position | undefined;
  /** When the first of them failed, by the monotonic clock. */
  #failedAt = 0;
  /** Why the head message was given up, which is yet to be stored among the dead letters. */
  #givenUpFor: string | undefined;
  /** The ring has changed while it ran. */
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

  /** Where it is; undefined where that is not known at the moment. */
  get position(): Position | undefined {
    return this.#position;
  }

  /** Delivers, until nothing is left, or its turn is over and others wait. Never rejects. */
  async run(doOthersWait: () => boolean): Promise<TurnEnd> {
    this.isRunning = true;
    try {
      return await this.#run(doOthersWait);
    } catch (error) {
      // Its owner delivers it now.
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

  /** Its subscription is another one: what has failed may succeed now. */
  retryNow(): void {
    this.#attempts = 0;
    this.#givenUpFor = undefined;
    this.wake();
  }

  stopWaiting(): void {
    this.#context.runtime.clear(this.#timer);
    this.#ready = undefined;
  }

  /** It may have been delivered elsewhere. */
  forgetPosition(): void {
    if (this.isRunning) this.#isMoved = true;
    else this.#position = undefined;
  }

  /** Ends its waiting. */
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

  /** The offset after which the topic goes on. */
  async #placeIn(log: ReadableLog): Promise<number> {
    const { subscription } = this.#queue;
    const { positions } = this.#context;
    const known = this.#position ?? (await positions.get(subscription.positionKey(this.name)));
    if (known === undefined) {
      const { config, createdAt } = subscription;
      if (config.from === "earliest") return log.resolve({ type: "earliest" });
      const since = await log.resolve({ type: "since", time: createdAt });
      // Its time is by another clock than that of the subscription.
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

  /** @returns how long to wait before it is tried again; undefined where the topic can go on */
  async #deliver(message: MessageFrame): Promise<number | undefined> {
    if (this.#attempts > 0) this.#forgetOtherFailure(message);
    if (this.#givenUpFor === undefined) {
      // It may be another one when the answer comes.
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
      // What was broken off by this node says nothing of the endpoint.
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
      ...{ topic: this.name, position: this.#positionOf(message), keys },
      attempt: this.#attempts + 1,
      timestampS: Math.floor(now() / 1000),
    });
    return sender.post(config.url, {
      ...{ headers, body: message.payload, timeoutMs: config.timeoutMs, signal },
    });
  }

  /**
   * Another node may have delivered the message that failed, or the log may have trimmed it. The next one then has
   * all its attempts.
   */
  #forgetOtherFailure({ offset }: MessageFrame): void {
    const failed = this.#failed;
    if (failed?.offset === offset && failed.epoch === this.#position?.epoch) return;
    this.#attempts = 0;
    this.#givenUpFor = undefined;
  }

  /** @returns how long to wait; undefined where that was the last attempt */
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
    // Of one that was deleted, nothing is kept.
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
