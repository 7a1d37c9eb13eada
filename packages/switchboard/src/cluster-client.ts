// The switchboard's connection to the Shardcast cluster. It opens the SDK's client in the background, and opens it again
// whenever it ends. Meanwhile the switchboard answers requests, if only with errors.
import { setTimeout as wait } from "node:timers/promises";
import {
  ShardcastError,
  connect,
  type Client,
  type Message,
  type PublishData,
  type PublishOptions,
  type Published,
  type Subscription,
} from "@shardcast/client";
import { parsePosition } from "@shardcast/protocol";
import type { Logger } from "pino";

/** Small, because a slow socket catches up from the log. */
const SUBSCRIPTION_BUFFER_BYTES = 256 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;
const RECONNECT_MAX_MS = 2000;
const RETRY_MS = 1000;

export interface ClusterClientOptions {
  readonly producers: readonly string[];
  readonly consumers: readonly string[];
  readonly psk: string;
  /** How long a publish or a read may take, in ms. */
  readonly timeoutMs: number;
}

export class ClusterClient {
  /** Rejects if the first connection fails permanently, for example because the keys differ. Never resolves. */
  readonly failed: Promise<never>;
  readonly #options: ClusterClientOptions;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  readonly #listeners: (() => void)[] = [];
  #client: Client | undefined;
  #wasConnected = false;
  #fail: (error: ShardcastError) => void = () => undefined;

  constructor(options: ClusterClientOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
  }

  /** Starts to connect. */
  open(): void {
    void this.#stayConnected();
  }

  /** Whether a link to a producer and a link to a consumer are open. */
  get isConnected(): boolean {
    const hosts = new Set(this.#client?.nodes().map(({ url }) => new URL(url).host));
    const { producers, consumers } = this.#options;
    return [producers, consumers].every((urls) => urls.some((url) => hosts.has(new URL(url).host)));
  }

  /** Adds a listener for new clients. The subscriptions of the previous client have ended. */
  onClient(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Publishes a message. Resolves when it is stored.
   * @throws SHARDCAST_OWNER_UNAVAILABLE if there is no client yet, and all errors of `Client.publish`
   */
  async publish(topic: string, data: PublishData, options?: PublishOptions): Promise<Published> {
    return this.#connected().publish(topic, data, options);
  }

  /** @throws SHARDCAST_OWNER_UNAVAILABLE if there is no client yet, and all errors of `Client.subscribe` */
  subscribe(topic: string, from: string): Subscription {
    return this.#connected().subscribe(topic, { from });
  }

  /**
   * Returns the last message of a topic, or undefined if it has none.
   * @throws SHARDCAST_TIMEOUT, SHARDCAST_OWNER_UNAVAILABLE
   */
  readLast(topic: string): Promise<Message | undefined> {
    const subscription = this.subscribe(topic, "last:1");
    const { timeoutMs } = this.#options;
    return new Promise<Message | undefined>((resolve, reject) => {
      const timer = setTimeout(() => {
        const detail = `the topic ${topic} could not be read within ${timeoutMs} ms`;
        reject(new ShardcastError("SHARDCAST_TIMEOUT", detail));
      }, timeoutMs);
      subscription.on("closed", () => {
        clearTimeout(timer);
        reject(new ShardcastError("SHARDCAST_CLOSED"));
      });
      subscription.on("error", reject);
      subscription.on("message", resolve);
      subscription.on("subscribed", ({ position, head }) => {
        if ((parsePosition(position)?.offset ?? 0) >= head) resolve(undefined);
      });
    }).finally(() => subscription.close());
  }

  /** Waits until all publishes are answered, at most until the deadline by `performance.now()`, then closes. */
  async drain(deadline: number): Promise<void> {
    this.#abort.abort();
    const client = this.#client;
    if (client === undefined) return;
    const isDrained = client.drain().then(() => true);
    const waitMs = Math.max(0, deadline - performance.now());
    await Promise.race([isDrained, wait(waitMs, false, { ref: false })]);
    client.close();
  }

  #connected(): Client {
    if (this.#client !== undefined) return this.#client;
    throw new ShardcastError("SHARDCAST_OWNER_UNAVAILABLE", "the cluster is not connected yet");
  }

  async #stayConnected(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      try {
        await this.#connectUntilLost();
      } catch (error) {
        if (!(error instanceof ShardcastError)) throw error;
        if (!this.#wasConnected && !error.retryable) this.#fail(error);
        this.#logger.warn({ error }, "the connection to the cluster failed");
      }
      await wait(RETRY_MS, undefined, { signal: this.#abort.signal }).catch(() => undefined);
    }
  }

  /** @throws the error with which the connection failed or ended */
  async #connectUntilLost(): Promise<void> {
    const { producers, consumers, psk, timeoutMs } = this.#options;
    const client = await connect({
      producers,
      consumers,
      psk,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      publishTimeoutMs: timeoutMs,
      subscriptionBufferBytes: SUBSCRIPTION_BUFFER_BYTES,
      reconnect: { maxMs: RECONNECT_MAX_MS },
    });
    if (this.#abort.signal.aborted) {
      client.close();
      return;
    }
    this.#client = client;
    this.#wasConnected = true;
    for (const listener of this.#listeners) listener();
    const error = await client.closed;
    this.#client = undefined;
    if (error !== undefined) throw error;
  }
}
