// How far a user's client has confirmed that it got what was said, kept in the cluster: for clients that come back
// with their session alone, to whichever node.
//
// What is confirmed is stored at once, so that a node that is killed takes as little of it along as can be: what
// came within one publish. It may be behind what the client has, never ahead of it.
import { parsePosition } from "@shardcast/protocol";
import type { Logger } from "pino";
import type { Cluster } from "./cluster.ts";
import { confirmedTopic, type UserId } from "./user.ts";

/**
 * What was confirmed last, where it is still kept: for as long as the messages themselves.
 * @throws SHARDCAST_TIMEOUT, SHARDCAST_OWNER_UNAVAILABLE
 */
export async function readConfirmed(cluster: Cluster, userId: UserId): Promise<string | undefined> {
  const text = (await cluster.readLast(confirmedTopic(userId)))?.text();
  return text === undefined || parsePosition(text) === undefined ? undefined : text;
}

export class ConfirmedPosition {
  readonly #cluster: Cluster;
  readonly #userId: UserId;
  readonly #logger: Logger;
  /** What is still to be stored. */
  #next: string | undefined;
  #isStoring = false;

  constructor(cluster: Cluster, userId: UserId, logger: Logger) {
    this.#cluster = cluster;
    this.#userId = userId;
    this.#logger = logger;
  }

  /** Stores it at once, or behind the one that is being stored: then the last of several is enough. */
  confirm(position: string): void {
    this.#next = position;
    if (!this.#isStoring) void this.#storeAll();
  }

  /** Waits no longer for the one before. */
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
      // The next one says more. Without one, the client gets some messages again.
      this.#logger.warn({ error }, "a confirmed position could not be stored");
    }
  }
}
