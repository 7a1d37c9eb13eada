// The messages that an application publishes to one topic, each with its state.
import { ShardcastError, formatPosition, type Attributes } from "@shardcast/protocol";
import type { PublishData } from "../data.ts";
import type { PublishOptions } from "../outbox.ts";
import { randomId } from "../random-id.ts";
import type { ClientSource } from "./stores-client.ts";
import { SharedStore, Source } from "./store.ts";

/** How many stored messages, and how many failed ones, a store keeps. */
const SETTLED_LIMIT = 100;

/**
 * `queued`: not acked yet. `sent`: on its way to a node; only an outbox reports it. `stored`: acked. `failed`: the
 * client has given up. The message may be stored nevertheless if `error.code` is SHARDCAST_TIMEOUT or
 * SHARDCAST_CLOSED; to retry is safe, because the message keeps its id.
 */
export type OutgoingState = "queued" | "sent" | "stored" | "failed";

export interface OutgoingMessage {
  readonly messageId: string;
  readonly topic: string;
  readonly data: PublishData;
  readonly attributes: Attributes;
  /** When it was published, by the clock of this device, in ms since 1970. */
  readonly time: number;
  readonly state: OutgoingState;
  /** Where it is stored, once that is known. */
  readonly position: string | undefined;
  /** Why it failed. */
  readonly error: Error | undefined;
}

export interface PublishSnapshot {
  /** The messages in the order of the calls: those without an ack, those that failed, and the last stored ones. */
  readonly messages: readonly OutgoingMessage[];
}

interface Outgoing {
  readonly message: OutgoingMessage;
  readonly options: PublishOptions;
  /** Counts the attempts of all messages, so that an attempt knows whether it is the latest of its message. */
  readonly attempt: number;
}

const INITIAL: PublishSnapshot = Object.freeze({ messages: Object.freeze([]) });

export class PublishSource extends Source<PublishSnapshot> {
  readonly #topic: string;
  readonly #client: ClientSource;
  /** By id, in the order of the calls. With an outbox, only what the outbox has refused. */
  readonly #outgoing = new Map<string, Outgoing>();
  #attempts = 0;

  constructor(topic: string, client: ClientSource) {
    super(INITIAL);
    this.#topic = topic;
    this.#client = client;
  }

  get messages(): OutgoingMessage[] {
    return Array.from(this.#outgoing.values(), ({ message }) => message);
  }

  has(messageId: string): boolean {
    return this.#outgoing.has(messageId);
  }

  publish(data: PublishData, options: PublishOptions): Promise<OutgoingMessage> {
    const { messageId = randomId(), attributes = {} } = options;
    const time = Date.now();
    const state = { state: "queued", position: undefined, error: undefined } as const;
    return this.send({ messageId, topic: this.#topic, data, attributes, time, ...state }, options);
  }

  async retry(messageId: string): Promise<OutgoingMessage | undefined> {
    const known = this.#outgoing.get(messageId);
    if (known?.message.state !== "failed") return known?.message;
    const message = { ...known.message, state: "queued", error: undefined } as const;
    return this.send(message, { ...known.options, signal: undefined });
  }

  dismiss(messageId: string): void {
    if (this.#outgoing.get(messageId)?.message.state !== "failed") return;
    this.#outgoing.delete(messageId);
    this.changed();
    this.release();
  }

  /** A subscription has received the message: it is stored, even if its ack is late or was lost. */
  delivered(messageId: string, position: string): void {
    const known = this.#outgoing.get(messageId);
    if (known === undefined || known.message.position !== undefined) return;
    this.#set(known, { state: "stored", position, error: undefined });
  }

  protected start(): void {
    // Nothing to do: the publishes are what works.
  }

  protected stop(): void {
    this.#forget("stored", 0);
  }

  protected build(): PublishSnapshot {
    return Object.freeze({ messages: Object.freeze(this.messages) });
  }

  /** Without listeners it keeps what a user may still have to decide on. */
  protected override get isBusy(): boolean {
    return [...this.#outgoing.values()].some(({ message }) => message.state !== "stored");
  }

  /** Publishes a message, and returns it when it is stored or has failed. */
  protected async send(
    message: OutgoingMessage,
    options: PublishOptions,
  ): Promise<OutgoingMessage> {
    const { messageId, topic, data } = message;
    const outgoing = this.#add(message, options);
    try {
      const client = this.#client();
      if (client === undefined) throw new ShardcastError("SHARDCAST_CLOSED", "there is no client");
      const published = await client.publish(topic, data, { ...options, messageId });
      const position = formatPosition(published);
      return this.#set(outgoing, { state: "stored", position, error: undefined });
    } catch (reason) {
      return this.#set(outgoing, failed(reason));
    }
  }

  /** Keeps a message that the outbox has refused. */
  protected refused(
    message: OutgoingMessage,
    options: PublishOptions,
    reason: unknown,
  ): OutgoingMessage {
    return this.#set(this.#add(message, options), failed(reason));
  }

  #add(message: OutgoingMessage, options: PublishOptions): Outgoing {
    const { messageId } = message;
    this.#attempts += 1;
    const outgoing = { message, options, attempt: this.#attempts };
    // A retried message goes behind the others.
    this.#outgoing.delete(messageId);
    this.#outgoing.set(messageId, outgoing);
    this.changed();
    return outgoing;
  }

  #set({ attempt, message: known }: Outgoing, change: Partial<OutgoingMessage>): OutgoingMessage {
    const current = this.#outgoing.get(known.messageId);
    const message = Object.freeze({ ...known, ...change });
    // Dismissed, forgotten or sent again in the meantime; or already delivered, although the ack was lost.
    if (current?.attempt !== attempt) return message;
    if (current.message.state === "stored" && message.state === "failed") return current.message;
    this.#outgoing.set(known.messageId, { ...current, message });
    this.#forget("stored", SETTLED_LIMIT);
    this.#forget("failed", SETTLED_LIMIT);
    this.changed();
    this.release();
    return message;
  }

  /** Removes the oldest messages of a state. */
  #forget(state: OutgoingState, limit: number): void {
    const all = Array.from(this.#outgoing.values(), ({ message }) => message);
    const settled = all.filter((message) => message.state === state);
    for (const { messageId } of settled.slice(0, Math.max(0, settled.length - limit))) {
      this.#outgoing.delete(messageId);
    }
  }
}

export class PublishStore extends SharedStore<PublishSnapshot, PublishSource> {
  /**
   * Publishes a message. Topic stores show it at once. Never rejects: the result's `state` is `stored` or `failed`. With
   * an outbox, `timeoutMs` and `signal` have no effect.
   */
  readonly publish = async (
    data: PublishData,
    options: PublishOptions = {},
  ): Promise<OutgoingMessage> => {
    const release = this.subscribe(() => undefined);
    try {
      return await this.source.publish(data, options);
    } finally {
      release();
    }
  };

  /** Publishes a failed message again, with the same id. */
  readonly retry = (messageId: string): Promise<OutgoingMessage | undefined> =>
    this.source.retry(messageId);

  /** Forgets a failed message. */
  readonly dismiss = (messageId: string): void => this.source.dismiss(messageId);
}

function failed(reason: unknown): Pick<OutgoingMessage, "error" | "state"> {
  return { state: "failed", error: reason instanceof Error ? reason : new Error(String(reason)) };
}
