// Publishes that are kept until a node has stored them, through offline phases of any length and, depending on the
// storage, through reloads.
//
//   publish ─▶ queued ─▶ sent ─▶ stored
//                ▲        │  └──▶ failed: a node refused it for good
//                └────────┘ too long without an ack
//
// The messages of one topic are sent in their order, a batch at a time. Nodes store a message id once within their
// dedupe window only. A message that was sent longer ago without an ack is looked up in the topic's history before it is
// sent again.
import {
  ShardcastError,
  formatPosition,
  isErrorCode,
  type Attributes,
  type Position,
} from "@shardcast/protocol";
import type { PublishData } from "../data.ts";
import { Emitter } from "../emitter.ts";
import { encodePublish } from "../publish-frame.ts";
import { randomId } from "../random-id.ts";
import { TIMER_MAX_MS } from "../runtime.ts";
import type { AttachableOutbox, OutboxClient } from "./outbox-client.ts";
import type { OutboxStorage, StoredEntry } from "./outbox-storage.ts";

/** How many messages of a topic are sent at once. */
const BATCH = 100;
/** After this time without an ack, a message may be stored twice if it is only sent again. Less than 2 minutes, in ms. */
const RESEND_MS = 100_000;
/** A message may have been stored this long before the local clock says that it was sent, in ms. */
const CLOCK_ERROR_MS = 600_000;
const LOOKUP_LIMIT = 10_000;
/** How long a stored entry stays in the list, unless the application removes it, in ms. */
const STORED_FOR_MS = 60_000;
const FULL_WAIT_MS = 1000;

export type OutboxState = "queued" | "sent" | "stored" | "failed";

/** A message of the outbox. A change makes a new object. */
export interface OutboxEntry {
  readonly messageId: string;
  readonly topic: string;
  /** A string, bytes, or a JSON value. */
  readonly data: StoredEntry["data"];
  readonly attributes: Attributes;
  /** When it was published, in ms since 1970. */
  readonly createdAt: number;
  readonly state: OutboxState;
  /** Why it failed. */
  readonly error: ShardcastError | undefined;
  /** Where it is stored. */
  readonly position: string | undefined;
}

export interface OutboxEvents {
  /** The list of entries has changed. */
  readonly change: readonly OutboxEntry[];
  /** The storage failed: entries are kept in memory only. */
  readonly error: unknown;
}

export interface DurablePublishOptions {
  readonly messageId?: string | undefined;
  readonly attributes?: Attributes | undefined;
}

interface Item {
  stored: StoredEntry;
  entry: OutboxEntry;
}

export class DurableOutbox implements AttachableOutbox {
  readonly #storage: OutboxStorage;
  readonly #emitter = new Emitter<OutboxEvents>();
  readonly #prefix = `${randomId()}-`;
  /** By message id. */
  readonly #items = new Map<string, Item>();
  readonly #pumping = new Set<string>();
  #list: readonly OutboxEntry[] = [];
  #client: OutboxClient | undefined;
  #opened: Promise<void> | undefined;
  #count = 0;

  /** Use `indexedDB` or `inMemory`. */
  constructor(storage: OutboxStorage) {
    this.#storage = storage;
  }

  /** All messages that are not stored yet, those that failed, and those that were stored a moment ago. */
  get entries(): readonly OutboxEntry[] {
    return this.#list;
  }

  /** One of the entries. */
  get(messageId: string): OutboxEntry | undefined {
    return this.#items.get(messageId)?.entry;
  }

  on<Name extends keyof OutboxEvents>(
    name: Name,
    listener: (value: OutboxEvents[Name]) => void,
  ): () => void {
    return this.#emitter.on(name, listener);
  }

  /**
   * Adds a message, which appears in `entries` at once. Resolves with its id when the storage has it.
   * @throws the errors of `publish` for what no node would accept; SHARDCAST_OUTBOX_FULL if the storage refuses it
   */
  async publish(
    topic: string,
    data: PublishData,
    { messageId = this.#nextId(), attributes = {} }: DurablePublishOptions = {},
  ): Promise<string> {
    encodePublish(topic, { messageId, attributes, data });
    if (this.#items.has(messageId)) return messageId;
    const createdAt = Date.now();
    const place = { createdAt, sentAt: undefined, failure: undefined };
    const content = { messageId, topic, data: plain(data), attributes, ...place };
    const item = this.#add({ ...content, number: 0 });
    try {
      await this.#open();
      item.stored = { ...item.stored, number: await this.#storage.add(content) };
    } catch (cause) {
      this.#items.delete(messageId);
      this.#changed();
      const detail = `the storage refused the message: ${String(cause)}`;
      throw new ShardcastError("SHARDCAST_OUTBOX_FULL", detail, { cause });
    }
    this.#pump(topic);
    return messageId;
  }

  /** Sends a failed message again. */
  retry(messageId: string): void {
    const item = this.#items.get(messageId);
    if (item?.entry.state !== "failed") return;
    this.#update(item, { state: "queued", error: undefined }, { failure: undefined });
    this.#pump(item.entry.topic);
  }

  /**
   * Removes a stored or failed message from the list, for example when a subscription has delivered it. A message that
   * is not stored yet stays.
   */
  remove(messageId: string): void {
    const item = this.#items.get(messageId);
    if (item === undefined || item.entry.state === "queued" || item.entry.state === "sent") return;
    this.#items.delete(messageId);
    if (item.entry.state === "failed") this.#try(() => this.#storage.remove(item.stored.number));
    this.#changed();
  }

  /** Called by the client that was created with this outbox. */
  attach(client: OutboxClient): void {
    this.#client = client;
    void client.closed.then(() => {
      if (this.#client === client) this.#client = undefined;
    });
    this.#open().then(
      () => this.#pumpAll(),
      (error: unknown) => this.#emitter.emit("error", error),
    );
  }

  /** Closes the storage. Another outbox, or a later one, sends what is left. */
  close(): void {
    this.#client = undefined;
    this.#storage.close();
  }

  #open(): Promise<void> {
    this.#opened ??= this.#storage
      .open((entries) => this.#adopt(entries))
      .then((entries) => this.#adopt(entries));
    return this.#opened;
  }

  #adopt(entries: readonly StoredEntry[]): void {
    for (const stored of [...entries].sort((one, other) => one.number - other.number)) {
      if (!this.#items.has(stored.messageId)) this.#add(stored);
    }
    this.#pumpAll();
  }

  #add(stored: StoredEntry): Item {
    const { messageId, topic, data, attributes, createdAt, failure, sentAt } = stored;
    const error =
      failure === undefined
        ? undefined
        : new ShardcastError(
            isErrorCode(failure.code) ? failure.code : "SHARDCAST_INTERNAL",
            failure.message,
          );
    const state =
      failure !== undefined ? "failed" : sentAt === undefined ? "queued" : ("sent" as const);
    const content = { messageId, topic, data, attributes, createdAt, error };
    const item: Item = { stored, entry: { ...content, state, position: undefined } };
    this.#items.set(messageId, item);
    this.#changed();
    return item;
  }

  #pumpAll(): void {
    for (const { entry } of this.#items.values()) this.#pump(entry.topic);
  }

  #pump(topic: string): void {
    if (this.#pumping.has(topic) || this.#client === undefined) return;
    this.#pumping.add(topic);
    void this.#run(topic, this.#client);
  }

  async #run(topic: string, client: OutboxClient): Promise<void> {
    while (this.#client === client) {
      const batch = this.#pending(topic);
      if (batch.length === 0) break;
      if (await this.#lookUpLate(batch, client)) {
        await Promise.all(batch.map((item) => this.#send(item, client)));
      }
    }
    this.#pumping.delete(topic);
    // Another client was attached in the meantime.
    if (this.#client !== client) this.#pump(topic);
  }

  /** @returns false if no node can tell at the moment */
  async #lookUpLate(batch: readonly Item[], client: OutboxClient): Promise<boolean> {
    for (const item of batch) {
      const { sentAt } = item.stored;
      const isLate = sentAt !== undefined && Date.now() - sentAt > RESEND_MS;
      if (isLate && !(await this.#lookUp(item, client))) return false;
    }
    return true;
  }

  /** The next messages to send; the storage has them. */
  #pending(topic: string): Item[] {
    const items = this.#ordered.filter(
      ({ entry, stored }) =>
        entry.topic === topic &&
        stored.number > 0 &&
        (entry.state === "queued" || entry.state === "sent"),
    );
    return items.slice(0, BATCH);
  }

  async #send(item: Item, client: OutboxClient): Promise<void> {
    const { messageId, topic, data, attributes } = item.stored;
    if (item.entry.state !== "queued" && item.entry.state !== "sent") return;
    const controller = new AbortController();
    let timer: unknown;
    const onSent = (): void => {
      if (timer === undefined) timer = setTimeout(() => controller.abort(), RESEND_MS);
      if (item.entry.state !== "sent")
        this.#update(item, { state: "sent" }, { sentAt: Date.now() });
    };
    const { signal } = controller;
    const options = { messageId, attributes, timeoutMs: TIMER_MAX_MS, signal, onSent };
    try {
      this.#stored(item, await client.publish(topic, data, options));
    } catch (error) {
      await this.#failed(item, error, signal);
    } finally {
      clearTimeout(timer as number);
    }
  }

  async #failed(item: Item, error: unknown, signal: AbortSignal): Promise<void> {
    const code = error instanceof ShardcastError ? error.code : undefined;
    // Without an ack for long, the message is looked up before it is sent again; a closed client's successor sends it.
    if (signal.aborted || code === "SHARDCAST_CLOSED") return;
    if (code === "SHARDCAST_OUTBOX_FULL") {
      await new Promise((resolve) => setTimeout(resolve, FULL_WAIT_MS));
      return;
    }
    if (this.#client === undefined) return;
    const failure =
      error instanceof ShardcastError
        ? error
        : new ShardcastError("SHARDCAST_INTERNAL", String(error));
    const { message } = failure;
    this.#update(
      item,
      { state: "failed", error: failure },
      { failure: { code: failure.code, message } },
    );
  }

  /**
   * Finds out whether a message that was sent long ago is stored. If not, or if nobody may tell, it is sent again.
   * @returns false if no node can tell at the moment
   */
  async #lookUp(item: Item, client: OutboxClient): Promise<boolean> {
    const { messageId, topic, sentAt = 0 } = item.stored;
    try {
      const since = Math.max(0, sentAt - CLOCK_ERROR_MS);
      const { messages } = await client.history(topic, { since, limit: LOOKUP_LIMIT });
      const found = messages.find((message) => message.messageId === messageId);
      if (found !== undefined) {
        this.#stored(item, found);
        return true;
      }
    } catch (error) {
      if (!(error instanceof ShardcastError)) throw error;
      if (error.retryable || error.code === "SHARDCAST_CLOSED") return false;
      // Without the permission for the topic's history, nobody may tell.
    }
    this.#update(item, { state: "queued" }, { sentAt: undefined });
    return true;
  }

  #stored(item: Item, { epoch, offset }: Position): void {
    const { messageId, number } = item.stored;
    this.#try(() => this.#storage.remove(number));
    item.entry = { ...item.entry, state: "stored", position: formatPosition({ epoch, offset }) };
    this.#changed();
    const timer: unknown = setTimeout(() => this.remove(messageId), STORED_FOR_MS);
    // In Node the timer must not keep the process alive.
    if (typeof timer === "object" && timer !== null && "unref" in timer) {
      (timer as { unref: () => void }).unref();
    }
  }

  #update(
    item: Item,
    entry: Partial<OutboxEntry>,
    stored: Partial<Pick<StoredEntry, "sentAt" | "failure">>,
  ): void {
    item.entry = { ...item.entry, ...entry };
    item.stored = { ...item.stored, ...stored };
    this.#try(() => this.#storage.put(item.stored));
    this.#changed();
  }

  /** In the order of their numbers: a publish may precede the entries that the storage loads. */
  get #ordered(): Item[] {
    return [...this.#items.values()].sort((one, other) => placeOf(one) - placeOf(other));
  }

  #changed(): void {
    this.#list = this.#ordered.map(({ entry }) => entry);
    this.#emitter.emit("change", this.#list);
  }

  #try(run: () => Promise<void>): void {
    run().catch((error: unknown) => this.#emitter.emit("error", error));
  }

  #nextId(): string {
    this.#count += 1;
    return `${this.#prefix}${this.#count.toString(36)}`;
  }
}

/** Entries without a number yet come last, in the order of the publishes. */
function placeOf({ stored }: Item): number {
  return stored.number === 0 ? Number.MAX_SAFE_INTEGER : stored.number;
}

/** The data as a storage can keep it: a string, bytes, or the value that JSON makes of it. */
function plain(data: PublishData): StoredEntry["data"] {
  if (typeof data === "string") return data;
  if (data instanceof Uint8Array) return data.slice();
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  if (ArrayBuffer.isView(data)) {
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  }
  return JSON.parse(JSON.stringify(data)) as StoredEntry["data"];
}
