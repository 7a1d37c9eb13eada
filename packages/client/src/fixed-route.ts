// Uses the same connections for all topics: one node for both roles, or one producer and one consumer of two lists. The
// nodes forward everything to the topics' owners.
import { ShardcastError } from "@shardcast/protocol";
import type { Attendant } from "./attending.ts";
import type { ConnectionContext } from "./connection.ts";
import { ConnectionPool } from "./connection-pool.ts";
import type { ClusterRoute } from "./cluster-route.ts";
import type { Publication } from "./publication.ts";
import type { ReadRequest } from "./reading.ts";
import type { TopicFollower } from "./topic-follower.ts";

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

  send(publication: Publication): void {
    if (this.#publish === undefined) throw noNodes("cannot publish: no producers were given");
    this.#publish.send(publication);
  }

  follow(follower: TopicFollower): void {
    this.#poolToFollow.follow(follower);
  }

  attend(attendant: Attendant): void {
    this.#poolToFollow.attend(attendant);
  }

  read(request: ReadRequest): void {
    this.#poolToFollow.read(request);
  }

  refresh(): void {
    // Nothing to refresh: the nodes were given.
  }

  close(): void {
    for (const pool of this.pools) pool.close();
  }

  get #poolToFollow(): ConnectionPool {
    if (this.#follow === undefined) throw noNodes("cannot subscribe: no consumers were given");
    return this.#follow;
  }
}

function noNodes(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
