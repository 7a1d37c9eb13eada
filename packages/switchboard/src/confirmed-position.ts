// The position up to which a user's client has confirmed its messages. It is stored in the cluster, so that a client can
// return to any node with only its session.
//
// A confirmed position is stored immediately, so that a killed node loses at most the confirmations within one publish.
// The stored position may be behind the client's, but never ahead of it.
import { parsePosition } from "@shardcast/protocol";
import type { Logger } from "pino";
import type { ClusterClient } from "./cluster-client.ts";
import { confirmedTopic, type UserId } from "./user.ts";

/**
 * Returns the last confirmed position, if the cluster still retains it: it is retained as long as messages.
 * @throws SHARDCAST_TIMEOUT, SHARDCAST_OWNER_UNAVAILABLE
 */
export async function readConfirmed(
  cluster: ClusterClient,
  userId: UserId,
): Promise<string | undefined> {
  const text = (await cluster.readLast(confirmedTopic(userId)))?.text();
  return text === undefined || parsePosition(text) === undefined ? undefined : text;
}

export class ConfirmedPosition {
  readonly #cluster: ClusterClient;
  readonly #userId: UserId;
  readonly #logger: Logger;
  /** The position to store next. */
  #next: string | undefined;
  #isStoring = false;

  constructor(cluster: ClusterClient, userId: UserId, logger: Logger) {
    this.#cluster = cluster;
    this.#userId = userId;
    this.#logger = logger;
  }

  /** Stores the position immediately, or after the store in progress. Of several waiting positions it stores the last. */
  confirm(position: string): void {
    this.#next = position;
    if (!this.#isStoring) void this.#storeAll();
  }

  /** Stores the waiting position without waiting for the store in progress. */
  flush(): void {
    void this.#storeNext();
  }

  async #storeAll(): Promise<void> {
    this.#isStoring = true;
    while (this.#next !== undefined) await this.#storeNext();
    this.#isStoring = false;
  }

  async #storeNext(): Promise<void> {
    const position = this.#next;
    if (position === undefined) return;
    this.#next = undefined;
    try {
      await this.#cluster.publish(confirmedTopic(this.#userId), position);
    } catch (error) {
      // The next position includes this one. Without a next one, the client gets some messages twice.
      this.#logger.warn({ error }, "a confirmed position could not be stored");
    }
  }
}
