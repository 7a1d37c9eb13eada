// The back end's requests that were stored, so that none is taken twice: not by this node, not by another, and not
// after a restart. Each node tells the others by a topic, and reads it when it starts.
//
// The same request on two nodes at once is caught by the message id, which the cluster stores once.
import type { Message } from "@shardcast/client";
import { parsePosition } from "@shardcast/protocol";
import { ReplayGuard, type ClaimVerdict } from "@shardcast/webhooks";
import type { Logger } from "pino";
import { DATE_TOLERANCE_MS, type Signed } from "./api-auth.ts";
import type { Cluster } from "./cluster.ts";
import { ACCEPTED_TOPIC } from "./user.ts";

const RETRY_MS = 1000;
/** `<seconds since 1970> <id>` */
const ENTRY = /^(\d{1,12}) (\S{1,256})$/;

export interface AcceptedRequestsOptions {
  /** How many are remembered at most; beyond it requests have to wait until some are too old. */
  readonly limit: number;
  /** Now, in ms since 1970. */
  readonly now: () => number;
}

export class AcceptedRequests {
  readonly #cluster: Cluster;
  readonly #logger: Logger;
  readonly #guard: ReplayGuard;
  readonly #now: () => number;
  #isReady = false;

  constructor(cluster: Cluster, { limit, now }: AcceptedRequestsOptions, logger: Logger) {
    this.#cluster = cluster;
    this.#logger = logger;
    this.#guard = new ReplayGuard({ toleranceS: DATE_TOLERANCE_MS / 1000, limit, now });
    this.#now = now;
    cluster.onClient(() => this.#follow());
  }

  /** Whether all that others accepted before is known. Until then no request can be taken. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get count(): number {
    return this.#guard.count;
  }

  /** Claims a request whose signature is good, before any work is done on it. */
  claim(signed: Signed): ClaimVerdict {
    return this.#guard.claim(stampOf(signed));
  }

  /** Tells all nodes. One that fails to be told of has still its message id. */
  async tell(signed: Signed): Promise<void> {
    const { id, timestampS } = stampOf(signed);
    try {
      await this.#cluster.publish(ACCEPTED_TOPIC, `${timestampS} ${id}`);
    } catch (error) {
      this.#logger.warn({ error }, "an accepted request could not be told to the other nodes");
    }
  }

  #follow(): void {
    this.#isReady = false;
    // One that came early by the tolerance is good until twice the tolerance later.
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
    // A log that began anew has no more to tell than what is known.
    subscription.on("gap", ({ isNewEpoch }) => (this.#isReady ||= isNewEpoch));
    subscription.on("error", (error) => {
      this.#isReady = false;
      this.#logger.error({ error }, "accepted requests cannot be followed");
      setTimeout(() => this.#followAgain(), RETRY_MS).unref();
    });
  }

  #followAgain(): void {
    try {
      this.#follow();
    } catch {
      // There is no client at the moment. The next one begins anew.
    }
  }

  #remember(message: Message): void {
    const [, seconds, id] = ENTRY.exec(message.text()) ?? [];
    if (seconds === undefined || id === undefined) return;
    const verdict = this.#guard.claim({ id, timestampS: Number(seconds) });
    if (verdict.type === "claimed") verdict.claim.accept();
  }
}

function stampOf({ requestId, time }: Signed): {
  readonly id: string;
  readonly timestampS: number;
} {
  return { id: requestId, timestampS: Math.floor(time / 1000) };
}
