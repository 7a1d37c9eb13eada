// Which connections a topic's publishes and subscriptions go over.
import type { ConnectionContext } from "./connection.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import type { Settings } from "./options.ts";
import { DirectRoute } from "./route-direct.ts";
import { FixedRoute } from "./route-fixed.ts";

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

export function createRoute(settings: Settings, context: ConnectionContext): Route {
  const { target } = settings;
  switch (target.type) {
    case "direct":
      return new DirectRoute(target.url, context);
    case "single":
      return FixedRoute.toOne(target.url, context);
    case "lists":
      return FixedRoute.toLists(target.producers, target.consumers, context);
  }
}
