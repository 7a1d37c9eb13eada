// Delivers the messages of users to the back end through a push subscription of the cluster, which sends their topics to
// a URL in order, signed, with retries. This class requests the subscription until a consumer has accepted it.
import { setTimeout as wait } from "node:timers/promises";
import type { Logger } from "pino";
import { UP_TOPICS } from "./user.ts";

const PATH = "/push/switchboard";
const TIMEOUT_MS = 5000;
/** Users wait for answers, so the first retries are quick. During a long outage the waits grow. */
const DELIVERY = {
  from: "earliest",
  retryMs: [200, 500, 1000, 2000, 5000, 10_000],
  retryForMs: 7 * 24 * 60 * 60 * 1000,
} as const;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 30_000;

export interface UpDeliveryOptions {
  /** Consumer nodes, as `ws(s)://` or `http(s)://host:port`. Any of them can accept the subscription. */
  readonly consumers: readonly string[];
  /** The URL to which messages are delivered. */
  readonly url: string;
  /** The key that signs deliveries by Standard Webhooks: `whsec_…` */
  readonly secret: string;
  /** The cluster's admin key, which allows the switchboard to create a push subscription. */
  readonly adminKey: string | undefined;
}

export class UpDelivery {
  readonly #options: UpDeliveryOptions;
  readonly #logger: Logger;
  readonly #abort = new AbortController();
  #isReady = false;
  #outcome = "";
  #asking: Promise<void> = Promise.resolve();

  constructor(options: UpDeliveryOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
  }

  /** Whether the cluster has accepted the subscription. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Requests the subscription from one consumer after another until one accepts it. Until then messages wait in their topics. */
  start(): void {
    this.#asking = this.#askUntilTaken();
  }

  /** Stops requesting. A subscription that the cluster has accepted remains. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#asking;
  }

  async #askUntilTaken(): Promise<void> {
    const { signal } = this.#abort;
    const { consumers } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const consumer = consumers[attempt % consumers.length] ?? "";
      const outcome = await this.#ask(consumer);
      if (outcome === "taken") {
        this.#isReady = true;
        this.#logger.info(
          { consumer },
          "the push subscription was accepted: messages of users are delivered",
        );
        return;
      }
      this.#report(consumer, outcome);
      const round = Math.floor(attempt / consumers.length);
      const waitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(round, 16));
      await wait(waitMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns "taken", or the reason why not */
  async #ask(consumer: string): Promise<string> {
    const { url, secret, adminKey } = this.#options;
    try {
      const response = await fetch(new URL(PATH, consumer.replace(/^ws/, "http")), {
        method: "PUT",
        headers: {
          "content-type": "application/json",
          ...(adminKey === undefined ? {} : { authorization: `Bearer ${adminKey}` }),
        },
        // A redirect would send the secret to another host.
        redirect: "error",
        body: JSON.stringify({ topics: [UP_TOPICS], url, secret, ...DELIVERY }),
        signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await response.body?.cancel();
      return response.ok ? "taken" : `HTTP status ${response.status}`;
    } catch (error) {
      const cause = error instanceof Error ? (error.cause ?? error) : error;
      return cause instanceof Error ? cause.message : String(cause);
    }
  }

  /** Logs each reason once, not each attempt. */
  #report(consumer: string, outcome: string): void {
    if (this.#abort.signal.aborted || outcome === this.#outcome) return;
    this.#outcome = outcome;
    this.#logger.warn({ consumer, outcome }, "the push subscription is not accepted yet");
  }
}
