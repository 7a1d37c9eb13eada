// Which connections a topic's publishes and subscriptions go over.
import type { ConnectionPool } from "./connection-pool.ts";

export interface Route {
  readonly pools: Iterable<ConnectionPool>;
  /** Resolves when the client can be used. */
  open(): Promise<void>;
  /** @throws SHARDCAST_OPTION_INVALID where the client was given no node to publish to */
  poolToPublish(topic: string): ConnectionPool;
  /** @throws SHARDCAST_OPTION_INVALID where the client was given no node to subscribe at */
  poolToFollow(topic: string): ConnectionPool;
  /** Looks whether the cluster has changed. */
  refresh(): void;
  close(): void;
}
