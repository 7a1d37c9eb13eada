// Selects the connections for a topic's publishes, subscriptions, reads and presences.
import type { Attendant } from "./attending.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import type { Publication } from "./publication.ts";
import type { ReadRequest } from "./reading.ts";
import type { TopicFollower } from "./topic-follower.ts";

export interface ClusterRoute {
  readonly pools: Iterable<ConnectionPool>;
  /** Resolves when the client can be used. */
  open(): Promise<void>;
  /** @throws SHARDCAST_OPTION_INVALID if the client was given no node to publish to */
  send(publication: Publication): void;
  /** @throws SHARDCAST_OPTION_INVALID if the client was given no node to subscribe at */
  follow(follower: TopicFollower): void;
  /** @throws SHARDCAST_OPTION_INVALID if the client was given no node to subscribe at */
  attend(attendant: Attendant): void;
  /** @throws SHARDCAST_OPTION_INVALID if the client was given no node to subscribe at */
  read(request: ReadRequest): void;
  /** Checks whether the cluster has changed. */
  refresh(): void;
  close(): void;
}
