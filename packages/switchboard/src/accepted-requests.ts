// Remembers the back end's stored requests, so that none is accepted twice: not by this node, not by another, and not
// after a restart. Each node publishes its accepted requests to a topic, which all nodes follow, and read at their start.
//
// If two nodes receive the same request at the same moment, the message id prevents a second store.
import type { Message } from "@shardcast/client";
import { parsePosition } from "@shardcast/protocol";
import { ReplayGuard, type ClaimVerdict } from "@shardcast/webhooks";
import type { Logger } from "pino";
import { DATE_TOLERANCE_MS, type VerifiedRequest } from "./api-auth.ts";
import type { ClusterClient } from "./cluster-client.ts";
import { ACCEPTED_TOPIC } from "./user.ts";

const RETRY_MS = 1000;
/** `<seconds since 1970> <id>` */
const ENTRY = /^(\d{1,12}) (\S{1,256})$/;

export interface AcceptedRequestsOptions {
  /** Maximum number of remembered requests. At the limit, requests are refused until the oldest expire. */
  readonly limit: number;
  /** Returns the current time, in ms since 1970. */
  readonly now: () => number;
}

export class AcceptedRequests {
  readonly #cluster: ClusterClient;
  readonly #logger: Logger;
  readonly #guard: ReplayGuard;
  readonly #now: () => number;
  #isReady = false;

  constructor(cluster: ClusterClient, { limit, now }: AcceptedRequestsOptions, logger: Logger) {
    this.#cluster = cluster;
    this.#logger = logger;
    this.#guard = new ReplayGuard({ toleranceS: DATE_TOLERANCE_MS / 1000, limit, now });
    this.#now = now;
    cluster.onClient(() => this.#follow());
  }

  /** Whether the requests that other nodes accepted before are known. Until then no request can be accepted. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get count(): number {
    return this.#guard.count;
  }

  /** Claims a request with a valid signature, before it is processed. */
  claim(signed: VerifiedRequest): ClaimVerdict {
    return this.#guard.claim(stampOf(signed));
  }

  /** Publishes an accepted request to all nodes. If that fails, its message id still prevents a second store. */
  async tell(signed: VerifiedRequest): Promise<void> {
    const { id, timestampS } = stampOf(signed);
    try {
      await this.#cluster.publish(ACCEPTED_TOPIC, `${timestampS} ${id}`);
    } catch (error) {
      this.#logger.warn({ error }, "an accepted request could not be published to the other nodes");
    }
  }

  #follow(): void {
    this.#isReady = false;
    // A request that arrived early by the whole tolerance is valid until twice the tolerance later.
    const subscription = this.#cluster.subscribe(
      ACCEPTED_TOPIC,
      `since:${this.#now() - 2 * DATE_TOLERANCE_MS}`,
    );
    let headAtStart = Infinity;
    subscription.on("message", (message) => {
      this.#remember(message);
      if (message.offset >= headAtStart) this.#isReady = true;
    });
    subscription.on("subscribed", ({ position, head }) => {
      if (this.#isReady) return;
      headAtStart = head;
      if ((parsePosition(position)?.offset ?? 0) >= head) this.#isReady = true;
    });
    // A log that started over contains nothing that this node does not know.
    subscription.on("gap", ({ isNewEpoch }) => (this.#isReady ||= isNewEpoch));
    subscription.on("error", (error) => {
      this.#isReady = false;
      this.#logger.error({ error }, "the topic of accepted requests cannot be followed");
      setTimeout(() => this.#followAgain(), RETRY_MS).unref();
    });
  }

  #followAgain(): void {
    try {
      this.#follow();
    } catch {
      // There is no client at the moment. The next client starts the subscription again.
    }
  }

  #remember(message: Message): void {
    const [, seconds, id] = ENTRY.exec(message.text()) ?? [];
    if (seconds === undefined || id === undefined) return;
    const verdict = this.#guard.claim({ id, timestampS: Number(seconds) });
    if (verdict.type === "claimed") verdict.claim.accept();
  }
}

function stampOf({ requestId, time }: VerifiedRequest): {
  readonly id: string;
  readonly timestampS: number;
} {
  return { id: requestId, timestampS: Math.floor(time / 1000) };
}
