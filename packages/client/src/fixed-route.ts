// Uses the same connections for all topics: one node for both roles, or one producer and one consumer of two lists. The
// nodes forward everything to the topics' owners.
import { ShardcastError } from "@shardcast/protocol";
import type { ConnectionContext } from "./connection.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { ClusterRoute } from "./cluster-route.ts";

export class FixedRoute implements ClusterRoute {
  readonly pools: ReadonlySet<ConnectionPool>;
  readonly #publish: ConnectionPool | undefined;
  readonly #follow: ConnectionPool | undefined;

  private constructor(publish: ConnectionPool | undefined, follow: ConnectionPool | undefined) {
    this.#publish = publish;
    this.#follow = follow;
    this.pools = new Set([publish, follow].filter((pool) => pool !== undefined));
  }

  static toOne(url: string, context: ConnectionContext): FixedRoute {
    const pool = new ConnectionPool({ endpoint: "connect", urls: [url] }, context);
    return new FixedRoute(pool, pool);
  }

  /** Either list may be empty. */
  static toLists(
    producers: readonly string[],
    consumers: readonly string[],
    context: ConnectionContext,
  ): FixedRoute {
    return new FixedRoute(
      producers.length === 0
        ? undefined
        : new ConnectionPool({ endpoint: "produce", urls: producers }, context),
      consumers.length === 0
        ? undefined
        : new ConnectionPool({ endpoint: "subscribe", urls: consumers }, context),
    );
  }

  async open(): Promise<void> {
    await Promise.all(Array.from(this.pools, ({ opened }) => opened));
  }

  poolToPublish(): ConnectionPool {
    if (this.#publish !== undefined) return this.#publish;
    throw new ShardcastError("SHARDCAST_OPTION_INVALID", "cannot publish: no producers were given");
  }

  poolToFollow(): ConnectionPool {
    if (this.#follow !== undefined) return this.#follow;
    throw new ShardcastError(
      "SHARDCAST_OPTION_INVALID",
      "cannot subscribe: no consumers were given",
    );
  }

  refresh(): void {
    // Nothing to refresh: the nodes were given.
  }

  close(): void {
    for (const pool of this.pools) pool.close();
  }
}
