// The messages of one topic that an outbox keeps. Their states are in the outbox alone: this source has only the messages
// that the outbox has refused.
import type { DurableOutbox, OutboxEntry } from "../durable/durable-outbox.ts";
import type { PublishOptions } from "../outbox.ts";
import { PublishSource, type OutgoingMessage } from "./publish-store.ts";
import type { ClientSource } from "./stores-client.ts";

/** The outbox, as far as stores use it. */
export type StoresOutbox = Pick<
  DurableOutbox,
  "attach" | "entries" | "get" | "on" | "publish" | "remove" | "retry"
>;

export class OutboxPublishSource extends PublishSource {
  readonly #topic: string;
  readonly #client: ClientSource;
  readonly #outbox: StoresOutbox;
  #unlisten: (() => void) | undefined;

  constructor(topic: string, client: ClientSource, outbox: StoresOutbox) {
    super(topic, client);
    this.#topic = topic;
    this.#client = client;
    this.#outbox = outbox;
  }

  override get messages(): OutgoingMessage[] {
    const entries = this.#outbox.entries.filter(({ topic }) => topic === this.#topic);
    return [...entries.map(messageOf), ...super.messages];
  }

  override has(messageId: string): boolean {
    return this.#entry(messageId) !== undefined || super.has(messageId);
  }

  override async retry(messageId: string): Promise<OutgoingMessage | undefined> {
    const entry = this.#entry(messageId);
    if (entry === undefined) return super.retry(messageId);
    if (entry.state !== "failed") return messageOf(entry);
    this.#outbox.retry(messageId);
    return this.#settled(messageOf(entry));
  }

  override dismiss(messageId: string): void {
    if (this.#entry(messageId)?.state === "failed") this.#outbox.remove(messageId);
    else super.dismiss(messageId);
  }

  protected override start(): void {
    this.#unlisten = this.#outbox.on("change", () => this.changed());
    // The outbox loads its messages when it is attached to a client.
    this.#client();
  }

  protected override stop(): void {
    this.#unlisten?.();
    super.stop();
  }

  protected override async send(
    message: OutgoingMessage,
    options: PublishOptions,
  ): Promise<OutgoingMessage> {
    const { messageId, topic, data, attributes } = message;
    // It may have been refused before.
    super.dismiss(messageId);
    try {
      await this.#outbox.publish(topic, data, { messageId, attributes });
    } catch (reason) {
      return this.refused(message, options, reason);
    }
    return this.#settled(message);
  }

  /** Waits until a message of the outbox is stored or has failed. */
  #settled(message: OutgoingMessage): Promise<OutgoingMessage> {
    return new Promise((resolve) => {
      const check = (): void => {
        const entry = this.#outbox.get(message.messageId);
        if (entry?.state === "queued" || entry?.state === "sent") return;
        unlisten();
        resolve(entry === undefined ? message : messageOf(entry));
      };
      const unlisten = this.#outbox.on("change", check);
      check();
    });
  }

  #entry(messageId: string): OutboxEntry | undefined {
    const entry = this.#outbox.get(messageId);
    return entry?.topic === this.#topic ? entry : undefined;
  }
}

function messageOf(entry: OutboxEntry): OutgoingMessage {
  const { messageId, topic, data, attributes, createdAt: time, state, position, error } = entry;
  return Object.freeze({ messageId, topic, data, attributes, time, state, position, error });
}
