// How far a user's client has confirmed that it got what was said, kept in the cluster: for clients that come back
// with their session alone, to whichever node.
//
// It may be behind what the client has, never ahead of it: such a client gets a few messages again and misses none.
import { parsePosition } from "@shardcast/protocol";
import type { Logger } from "pino";
import type { Cluster } from "./cluster.ts";
import { confirmedTopic, type UserId } from "./user.ts";

/** While messages flow, it is stored this often at the most. */
const SAVE_INTERVAL_MS = 1000;

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
  #position: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(cluster: Cluster, userId: UserId, logger: Logger) {
    this.#cluster = cluster;
    this.#userId = userId;
    this.#logger = logger;
  }

  /** Stores it soon. */
  confirm(position: string): void {
    this.#position = position;
    this.#timer ??= setTimeout(() => this.flush(), SAVE_INTERVAL_MS);
  }

  /** Stores what is not stored yet, now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const position = this.#position;
    if (position === undefined) return;
    this.#position = undefined;
    this.#cluster.publish(confirmedTopic(this.#userId), position).catch((error: unknown) => {
      // The next one says more. Without one, the client gets some messages again.
      this.#logger.warn({ error }, "a confirmed position could not be stored");
    });
  }
}
