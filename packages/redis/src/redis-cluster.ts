// Shared by all nodes of a cluster on Redis: the connection, and the list of consumers.
import type { Logger } from "pino";
import { Keys } from "./keys.ts";
import { RedisConnection } from "./redis-connection.ts";
import { RedisMembers, type MemberList } from "./redis-members.ts";
import type { RedisOptions } from "./redis-options.ts";

export class RedisCluster {
  readonly connection: RedisConnection;
  readonly keys: Keys;
  readonly members: RedisMembers;
  /** Resolves when Redis is connected for the first time. */
  readonly connected: Promise<void>;

  /** Connects, retrying without limit, and keeps the membership up to date. */
  constructor(options: RedisOptions, membership: MemberList, logger: Logger) {
    const { target, ca, prefix, memberTimeoutMs } = options;
    const connection = new RedisConnection({ target, logger, ...(ca === undefined ? {} : { ca }) });
    this.connection = connection;
    this.keys = new Keys(prefix);
    const common = { connection, keys: this.keys, logger };
    this.members = new RedisMembers({ ...common, membership, ttlMs: memberTimeoutMs });
    this.connected = connection.connect().then(() => this.members.start());
  }

  /** What the node still waits for; empty if it is ready. */
  waitingFor(): string[] {
    const { fault } = this.connection;
    return fault === undefined ? [] : [`Redis: ${fault}`];
  }

  /** Gauges for the node's metrics. */
  gauges(): { name: string; help: string; value: () => number }[] {
    return [
      {
        name: "redis_available",
        help: "1 if the last command to Redis succeeded, 0 if it failed",
        value: () => (this.connection.fault === undefined ? 1 : 0),
      },
    ];
  }

  close(): void {
    this.members.close();
    this.connection.close();
  }
}
