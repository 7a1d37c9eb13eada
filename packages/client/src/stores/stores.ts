// The stores of one client. Stores of the same thing share one subscription or presence while one of them is in use.
import type { Client } from "../client.ts";
import { ConnectionSource, type ConnectionSnapshot } from "./connection-store.ts";
import { PresenceSource, PresenceStore, type PresenceStoreOptions } from "./presence-store.ts";
import { OutboxPublishSource, type StoresOutbox } from "./outbox-publish-source.ts";
import { PublishSource, PublishStore } from "./publish-store.ts";
import type { StoresClient } from "./stores-client.ts";
import { SharedStore, type Sources, type Store } from "./store.ts";
import { TopicSource, TopicStore, type TopicStoreOptions } from "./topic-store.ts";
import { TypingSource, TypingStore, type TypingStoreOptions } from "./typing-store.ts";

export interface StoresOptions {
  /**
   * Keeps what the stores publish until it is stored: `indexedDB()` or `inMemory()` of `@shardcast/client/outbox`. The
   * stores attach it to the client. The caller closes it. @default none: a publish fails after the client's timeout
   */
  readonly outbox?: StoresOutbox | undefined;
}

/**
 * Creates stores that read from a client.
 * @param client the client, which the caller closes; or a function that creates one: it is called when a store is first
 * used, never on a server that only renders. Undefined: the stores stay as they are at first
 */
export function createStores(
  client?: Client | (() => Client),
  options: StoresOptions = {},
): Stores {
  return new Stores(client, options);
}

export class Stores {
  readonly #given: StoresClient | (() => Client) | undefined;
  readonly #outbox: StoresOutbox | undefined;
  /** Made by the given function. */
  #created: Client | undefined;
  /** The client to which the outbox is attached. */
  #attached: StoresClient | undefined;
  #openings = 0;
  readonly #sources: Sources = new Map();
  readonly #clientSource = (): StoresClient | undefined => {
    const client =
      typeof this.#given === "function" ? (this.#created ??= this.#given()) : this.#given;
    if (client !== undefined && client !== this.#attached) {
      this.#attached = client;
      this.#outbox?.attach(client);
    }
    return client;
  };

  /** Use {@link createStores}. */
  constructor(client: StoresClient | (() => Client) | undefined, { outbox }: StoresOptions = {}) {
    this.#given = client;
    this.#outbox = outbox;
  }

  /** The state of the connection. */
  connection(): Store<ConnectionSnapshot> {
    const source = new ConnectionSource(this.#clientSource);
    return new SharedStore(this.#sources, "connection", source);
  }

  /** The messages of a topic. */
  topic(topic: string, options: TopicStoreOptions = {}): TopicStore {
    const publishing = this.publishing(topic);
    const { from, history, limit } = options;
    const key = keyOf("topic", topic, from, history, limit);
    const source = new TopicSource({ ...options, topic, client: this.#clientSource, publishing });
    return new TopicStore(this.#sources, key, source);
  }

  /** What this application publishes to a topic. */
  publishing(topic: string): PublishStore {
    const source =
      this.#outbox === undefined
        ? new PublishSource(topic, this.#clientSource)
        : new OutboxPublishSource(topic, this.#clientSource, this.#outbox);
    return new PublishStore(this.#sources, keyOf("publishing", topic), source);
  }

  /** The members of a topic. */
  presence(topic: string, options: PresenceStoreOptions = {}): PresenceStore {
    const source = new PresenceSource(topic, options, this.#clientSource);
    return new PresenceStore(this.#sources, keyOf("presence", topic, options.watch), source);
  }

  /** The users who are typing in a topic. */
  typing(topic: string, options: TypingStoreOptions = {}): TypingStore {
    const source = new TypingSource(topic, options, this.#clientSource);
    const key = keyOf("typing", topic, options.user, options.timeoutMs);
    return new TypingStore(this.#sources, key, source);
  }

  /**
   * Keeps the client that the given function creates. The returned function closes it, when all that were returned have
   * been called and the turn is over. A later use creates another client.
   */
  open(): () => void {
    this.#openings += 1;
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#openings -= 1;
      // After the stores have released what they use.
      setTimeout(() => {
        if (this.#openings > 0) return;
        this.#created?.close();
        this.#created = undefined;
      }, 0);
    };
  }
}

function keyOf(kind: string, topic: string, ...options: readonly unknown[]): string {
  return JSON.stringify([kind, topic, ...options.map((option) => option ?? null)]);
}
