// Selects the connections for a topic's publishes and subscriptions.
import type { ConnectionPool } from "./connection-pool.ts";

export interface ClusterRoute {
  readonly pools: Iterable<ConnectionPool>;
  /** Resolves when the client can be used. */
  open(): Promise<void>;
  /** @throws SHARDCAST_OPTION_INVALID if the client was given no node to publish to */
  poolToPublish(topic: string): ConnectionPool;
  /** @throws SHARDCAST_OPTION_INVALID if the client was given no node to subscribe at */
  poolToFollow(topic: string): ConnectionPool;
  /** Checks whether the cluster has changed. */
  refresh(): void;
  close(): void;
}
