// The push subscriptions of the cluster: those in this node's file, and those made over HTTP. The
// latter are messages of the topic $push, which every consumer reads. Each consumer keeps a copy,
// and publishes again the entries that a new owner of the topic lacks. docs/architecture.md#push
import { createHash, randomBytes } from "node:crypto";
import { ShardcastError, encodeText } from "@shardcast/protocol";
import type { StateStore } from "@shardcast/log";
import type { NodeMessage } from "@shardcast/server";
import type { PushConfig } from "./push-config.ts";
import { decodePushEntry, encodePushEntry, type PushEntry, type StoredPush } from "./push-entry.ts";
import { PushSubscription } from "./push-subscription.ts";
import { PUSH_TOPIC } from "./push-topic.ts";

/**
 * How many messages the topic keeps. Entries that are still valid are published again before they
 * are dropped.
 */
export const PUSH_TOPIC_MESSAGES = 8192;
const MAX_SUBSCRIPTIONS = 1000;
/** How long the deletion of a subscription is remembered. */
const FORGET_MS = 30 * 24 * 60 * 60 * 1000;
const RETRY_MS = 5000;
const APPLY_MS = 5000;
const POLL_MS = 10;
const COPIES_AT_ONCE = 100;
const COPY_PREFIX = "push.entry/";
const CREATED_PREFIX = "push.created/";

export interface PushRegistryOptions {
  readonly state: StateStore;
  /** By name. */
  readonly files: ReadonlyMap<string, PushConfig>;
  readonly publish: (message: NodeMessage) => Promise<unknown>;
  /** Whether this node owns the topic $push. */
  readonly isOwner: () => boolean;
  /** A subscription was changed or deleted. `goneId` is the id of a deleted subscription. */
  readonly onChange: (name: string, goneId: string | undefined) => void;
  readonly onError: (error: unknown) => void;
  /** Returns the current time, in ms since 1970. */
  readonly now: () => number;
}

export class PushRegistry {
  readonly #options: PushRegistryOptions;
  readonly #entries = new Map<string, PushEntry>();
  readonly #subscriptions = new Map<string, PushSubscription>();
  readonly #fileCreatedAt = new Map<string, number>();
  /** The last entry of each name that was read from the topic. */
  readonly #told = new Map<string, { readonly at: number; readonly offset: number }>();
  #copying: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Whether the topic was read up to its head. */
  isCaughtUp = false;

  constructor(options: PushRegistryOptions) {
    this.#options = options;
  }

  /**
   * Reads the entries that this node stored before it was stopped. @throws
   * SHARDCAST_LOG_UNAVAILABLE
   */
  async load(): Promise<void> {
    const { state, files, onError } = this.#options;
    for (const name of files.keys()) {
      const key = CREATED_PREFIX + name;
      const known = Number(await state.get(key));
      const createdAt = known > 0 ? known : this.#options.now();
      if (createdAt !== known) await state.set([[key, String(createdAt)]]);
      this.#fileCreatedAt.set(name, createdAt);
    }
    for (let after = ""; ;) {
      const copies = await state.list(COPY_PREFIX, after, COPIES_AT_ONCE);
      for (const [key, text] of copies) {
        after = key;
        try {
          const entry = decodePushEntry(text);
          if (!this.#isPast(entry)) this.#entries.set(entry.name, entry);
        } catch (error) {
          onError(error);
        }
      }
      if (copies.length < COPIES_AT_ONCE) break;
    }
    for (const name of new Set([...files.keys(), ...this.#entries.keys()])) this.#refresh(name);
  }

  all(): PushSubscription[] {
    return [...this.#subscriptions.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): PushSubscription | undefined {
    return this.#subscriptions.get(name);
  }

  /** The topic's messages follow from the beginning. */
  began(): void {
    this.#told.clear();
    this.isCaughtUp = false;
  }

  /** Applies a message of the topic. */
  received(text: string, offset: number): void {
    let entry: PushEntry;
    try {
      entry = decodePushEntry(text);
    } catch (error) {
      this.#options.onError(error);
      return;
    }
    this.#told.set(entry.name, { at: entry.at, offset });
    const known = this.#entries.get(entry.name);
    if (known === undefined || known.at <= entry.at) this.#apply(entry);
    if (this.isCaughtUp && this.#options.isOwner()) this.#tellOldAgain(offset);
  }

  caughtUp(): void {
    this.isCaughtUp = true;
    this.#tellMissing();
  }

  /**
   * Creates or updates a subscription.
   * @throws SHARDCAST_FORBIDDEN if a file configures it, SHARDCAST_NODE_FULL, and the errors of a
   * publish
   */
  async put(name: string, config: PushConfig): Promise<PushSubscription> {
    this.#checkNoFile(name);
    const known = this.#entries.get(name)?.push;
    if (known == null && this.#subscriptions.size >= MAX_SUBSCRIPTIONS) {
      const reason = `there are ${MAX_SUBSCRIPTIONS} push subscriptions`;
      throw new ShardcastError("SHARDCAST_NODE_FULL", reason);
    }
    const life = known ?? { id: randomBytes(6).toString("hex"), createdAt: this.#options.now() };
    const push = { ...life, config };
    await this.#say({ name, at: this.#nextTime(name), push, disabled: null });
    return subscriptionOf(name, push, null);
  }

  /**
   * Deletes a subscription. @throws SHARDCAST_NOT_FOUND, SHARDCAST_FORBIDDEN, and the errors of a
   * publish
   */
  async delete(name: string): Promise<void> {
    this.#checkNoFile(name);
    if (this.#entries.get(name)?.push == null) throw new ShardcastError("SHARDCAST_NOT_FOUND");
    await this.#say({ name, at: this.#nextTime(name), push: null, disabled: null });
  }

  /**
   * Enables a subscription that was disabled. @throws SHARDCAST_NOT_FOUND, and the errors of a
   * publish
   */
  async enable(name: string): Promise<PushSubscription> {
    const subscription = this.get(name);
    if (subscription === undefined) throw new ShardcastError("SHARDCAST_NOT_FOUND");
    const known = this.#entries.get(name)?.push ?? null;
    const push = known === null ? null : { ...known, config: { ...known.config, enabled: true } };
    await this.#say({ name, at: this.#nextTime(name), push, disabled: null });
    return this.get(name) ?? subscription;
  }

  /**
   * Disables a subscription whose endpoint wants no more messages: here at once, and at other nodes
   * as soon as the entry can be published.
   * @returns false if the subscription was changed meanwhile, or is already disabled
   */
  disable(subscription: PushSubscription, reason: string): boolean {
    const { name } = subscription;
    if (this.get(name) !== subscription || !subscription.isActive) return false;
    const push = this.#entries.get(name)?.push ?? null;
    this.#apply({ name, at: this.#nextTime(name), push, disabled: reason });
    this.#tellMissing();
    return true;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#copying;
  }

  #checkNoFile(name: string): void {
    if (!this.#options.files.has(name)) return;
    throw new ShardcastError("SHARDCAST_FORBIDDEN", "it is configured by the file of --push");
  }

  #isPast({ push, disabled, at }: PushEntry): boolean {
    return push === null && disabled === null && at < this.#options.now() - FORGET_MS;
  }

  /** Later than the last entry, even if the nodes' clocks differ. */
  #nextTime(name: string): number {
    return Math.max(this.#options.now(), (this.#entries.get(name)?.at ?? 0) + 1);
  }

  /** Resolves when the entry is stored, and applied at this node. */
  async #say(entry: PushEntry): Promise<void> {
    await this.#publish(entry);
    const deadline = performance.now() + APPLY_MS;
    const isApplied = (): boolean => (this.#entries.get(entry.name)?.at ?? 0) >= entry.at;
    while (!isApplied() && performance.now() < deadline && !this.#isClosed) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #publish(entry: PushEntry): Promise<void> {
    const text = encodePushEntry(entry);
    const messageId = `push_${createHash("sha256").update(text).digest("base64url")}`;
    await this.#options.publish({ topic: PUSH_TOPIC, messageId, payload: encodeText(text) });
  }

  #apply(entry: PushEntry): void {
    const { name } = entry;
    const known = this.#entries.get(name);
    const text = encodePushEntry(entry);
    if (known !== undefined && encodePushEntry(known) === text) return;
    this.#entries.set(name, entry);
    const { state, onError } = this.#options;
    this.#copying = this.#copying
      .then(() => state.set([[COPY_PREFIX + name, text]]))
      .catch(onError);
    const gone =
      known?.push != null && known.push.id !== entry.push?.id ? known.push.id : undefined;
    this.#refresh(name, gone);
  }

  #refresh(name: string, goneId?: string): void {
    const { files, onChange } = this.#options;
    const entry = this.#entries.get(name);
    const config = files.get(name);
    const createdAt = this.#fileCreatedAt.get(name) ?? 0;
    const push = config === undefined ? entry?.push : { id: "file", createdAt, config };
    if (push == null) this.#subscriptions.delete(name);
    else {
      const source = config === undefined ? "api" : "file";
      const subscription = subscriptionOf(name, push, entry?.disabled ?? null, source);
      this.#subscriptions.set(name, subscription);
    }
    onChange(name, goneId);
  }

  /** Publishes the entries that the topic lacks because its owner is new, or was unavailable. */
  #tellMissing(): void {
    if (!this.isCaughtUp || this.#isClosed) return;
    const missing = [...this.#entries.values()].filter(
      (entry) => !this.#isPast(entry) && (this.#told.get(entry.name)?.at ?? 0) < entry.at,
    );
    if (missing.length === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tellMissing(), RETRY_MS).unref();
    // Errors are ignored: the timer tries again.
    for (const entry of missing) this.#publish(entry).catch(() => undefined);
  }

  /** Publishes again the entries that the topic would soon drop, so that it keeps them. */
  #tellOldAgain(head: number): void {
    for (const [name, { offset }] of this.#told) {
      if (offset > head - PUSH_TOPIC_MESSAGES / 2) continue;
      const entry = this.#entries.get(name);
      this.#told.delete(name);
      if (entry !== undefined && !this.#isPast(entry))
        this.#publish(entry).catch(this.#options.onError);
    }
  }
}

function subscriptionOf(
  name: string,
  push: StoredPush,
  disabled: string | null,
  source: "file" | "api" = "api",
): PushSubscription {
  return new PushSubscription({ name, source, ...push, disabled });
}
