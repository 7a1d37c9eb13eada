// How what users say reaches the back end: by a push subscription of the cluster, which delivers their topics to a
// URL in order, signed, and again until it is taken. Here it is only asked for, until a consumer has it.
import { setTimeout as wait } from "node:timers/promises";
import type { Logger } from "pino";
import { UP_TOPICS } from "./user.ts";

const PATH = "/push/switchboard";
const TIMEOUT_MS = 5000;
/** Somebody waits for an answer: a back end that is up again is tried soon, and one that is down for long, long. */
const DELIVERY = {
  from: "earliest",
  retryMs: [200, 500, 1000, 2000, 5000, 10_000],
  retryForMs: 7 * 24 * 60 * 60 * 1000,
} as const;
const RETRY_MIN_MS = 250;
const RETRY_MAX_MS = 30_000;

export interface UpDeliveryOptions {
  /** Consumer nodes, as `ws(s)://` or `http(s)://host:port`. Any of them will do. */
  readonly consumers: readonly string[];
  /** Where messages are delivered. */
  readonly url: string;
  /** What they are signed with, by Standard Webhooks: `whsec_…` */
  readonly secret: string;
  /** The cluster's, which lets the switchboard make a push subscription. */
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

  /** Whether the cluster has taken the subscription. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** Asks for it, one consumer after the other, until one says yes. Until then messages wait in their topics. */
  start(): void {
    this.#asking = this.#askUntilTaken();
  }

  /** Resolves when nothing more is asked for. What the cluster has taken stays. */
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
        this.#logger.info({ consumer }, "messages of users are delivered");
        return;
      }
      this.#report(consumer, outcome);
      const round = Math.floor(attempt / consumers.length);
      const waitMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(round, 16));
      await wait(waitMs * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
    }
  }

  /** @returns "taken", or why not */
  async #ask(consumer: string): Promise<string> {
    const { url, secret, adminKey } = this.#options;
    try {
      const response = await fetch(new URL(PATH, consumer.replace(/^ws/, "http")), {
        method: "PUT",
        headers: {
          "content-type": "application/json",
          ...(adminKey === undefined ? {} : { authorization: `Bearer ${adminKey}` }),
        },
        // The secret goes nowhere but to the node that was named.
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

  /** Once for each reason, not for each try. */
  #report(consumer: string, outcome: string): void {
    if (this.#abort.signal.aborted || outcome === this.#outcome) return;
    this.#outcome = outcome;
    this.#logger.warn({ consumer, outcome }, "the push subscription is not taken yet");
  }
}
