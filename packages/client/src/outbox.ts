// All unanswered publishes of a client: limits their number and their time. One timer watches all deadlines. The
// senders send them.
import { ShardcastError, type Attributes } from "@shardcast/protocol";
import { Aborts } from "./aborts.ts";
import type { PublishData } from "./data.ts";
import { readDuration, type Settings } from "./options.ts";
import { Publication, type PublishResolvers, type PublicationOwner } from "./publication.ts";
import { encodePublish } from "./publish-frame.ts";
import { randomId } from "./random-id.ts";
import type { Runtime } from "./runtime.ts";

/** Shortest interval between two checks of the deadlines, in ms. */
const SWEEP_MIN_MS = 20;

export interface PublishOptions {
  /** The message is stored once per id within the dedupe window. @default a random id, so that retries store it once */
  readonly messageId?: string | undefined;
  /** A few short strings that travel with the message. */
  readonly attributes?: Attributes | undefined;
  /** How long the publish may take, in ms. @default the client's `publishTimeoutMs` */
  readonly timeoutMs?: number | undefined;
  /** Cancels the publish. The message may be stored nevertheless. */
  readonly signal?: AbortSignal | undefined;
  /** Called each time the message is handed to a link: once, and again after each lost link. */
  readonly onSent?: (() => void) | undefined;
}

export class Outbox implements PublicationOwner {
  readonly #settings: Settings;
  readonly #runtime: Runtime;
  readonly #onExpired: () => void;
  readonly #idPrefix = `${randomId()}-`;
  /** In publish order. */
  readonly #unanswered = new Set<Publication>();
  readonly #waitingForEmpty: (() => void)[] = [];
  readonly #aborts = new Aborts();
  #bytes = 0;
  #count = 0;
  #cancelSweep: (() => void) | undefined;
  #sweepAt = Infinity;

  /** @param onExpired called when publishes have got no answer in time: their links may be dead */
  constructor(settings: Settings, runtime: Runtime, onExpired: () => void) {
    this.#settings = settings;
    this.#onExpired = onExpired;
    this.#runtime = runtime;
  }

  /** Number of publishes without an answer. */
  get size(): number {
    return this.#unanswered.size;
  }

  /**
   * Adds a publish. The caller sends it.
   * @throws the code of what is invalid, or SHARDCAST_OUTBOX_FULL
   */
  add(
    topic: string,
    data: PublishData,
    options: PublishOptions,
    resolvers: PublishResolvers,
  ): Publication {
    const { signal, attributes } = options;
    if (signal?.aborted === true) throw signal.reason;
    const timeoutMs =
      options.timeoutMs === undefined
        ? this.#settings.publishTimeoutMs
        : readDuration("timeoutMs", options.timeoutMs);
    const ordinal = this.#count;
    const messageId = options.messageId ?? `${this.#idPrefix}${ordinal.toString(36)}`;
    const { frame, payloadBytes } = encodePublish(topic, { messageId, attributes, data });
    this.#refuseIfFull(frame.length);
    this.#count += 1;
    const deadline = this.#runtime.now() + timeoutMs;
    const fields = { ordinal, topic, frame, payloadBytes, timeoutMs, deadline };
    const publication = new Publication(fields, resolvers, this);
    publication.onSent = options.onSent;
    if (signal !== undefined) this.#aborts.add(publication, signal);
    this.#unanswered.add(publication);
    this.#bytes += frame.length;
    this.#sweepBy(deadline);
    return publication;
  }

  settled(publication: Publication): void {
    this.#unanswered.delete(publication);
    this.#bytes -= publication.frame.length;
    if (this.#unanswered.size > 0) return;
    for (const resolve of this.#waitingForEmpty.splice(0)) resolve();
  }

  /** Resolves when every publish is answered, successfully or not. */
  async empty(): Promise<void> {
    if (this.#unanswered.size === 0) return;
    await new Promise<void>((resolve) => this.#waitingForEmpty.push(resolve));
  }

  /** Rejects all publishes without an answer. */
  close(error: ShardcastError): void {
    this.#cancelSweep?.();
    for (const publication of this.#unanswered) publication.fail(error);
  }

  #refuseIfFull(frameBytes: number): void {
    const { outboxMessages, outboxBytes } = this.#settings;
    if (this.#unanswered.size >= outboxMessages) throw full(`${outboxMessages} messages`);
    if (this.#bytes + frameBytes > outboxBytes) throw full(`${outboxBytes} bytes`);
  }

  /** The timer keeps running when its publish is answered, because most are answered soon. */
  #sweepBy(deadline: number): void {
    if (this.#sweepAt <= deadline) return;
    this.#cancelSweep?.();
    this.#sweepAt = deadline;
    const waitMs = Math.max(SWEEP_MIN_MS, deadline - this.#runtime.now());
    this.#cancelSweep = this.#runtime.after(waitMs, () => this.#sweep());
  }

  #sweep(): void {
    this.#sweepAt = Infinity;
    const now = this.#runtime.now();
    let earliest = Infinity;
    let hasExpired = false;
    for (const publication of this.#unanswered) {
      if (publication.deadline <= now) {
        publication.expire();
        hasExpired = true;
      } else earliest = Math.min(earliest, publication.deadline);
    }
    if (hasExpired) this.#onExpired();
    if (earliest < Infinity) this.#sweepBy(earliest);
  }
}

function full(limit: string): ShardcastError {
  return new ShardcastError(
    "SHARDCAST_OUTBOX_FULL",
    `the outbox is limited to ${limit} without an ack`,
  );
}
