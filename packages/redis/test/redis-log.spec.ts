import { RetentionRules } from "@shardcast/log";
import { pino } from "pino";
import { describeLog } from "@shardcast/log/testing";
import { Keys } from "../src/keys.ts";
import { RedisConnection } from "../src/redis-connection.ts";
import { RedisLog } from "../src/redis-log.ts";
import { parseRedisTarget } from "../src/redis-target.ts";
import { RedisClusterServers, RedisServer } from "@shardcast/faults";
import { describeWith } from "@shardcast/faults/testing";

const LOGGER = pino({ level: "silent" });
const IDS = { ageMs: 1_000_000, count: 1000 };

for (const kind of ["server", "cluster"] as const) {
  describeWith(["redis-server", "redis-cli"], `Redis, a ${kind}`, function () {
    this.timeout(60_000);
    let servers: RedisServer | RedisClusterServers;
    let connection: RedisConnection;
    let prefix = 0;

    before(async () => {
      servers = await (kind === "server" ? RedisServer.start() : RedisClusterServers.start());
      connection = new RedisConnection({ target: parseRedisTarget(servers.url), logger: LOGGER });
      await connection.connect();
    });

    after(async () => {
      connection.close();
      await servers.remove();
    });

    describeLog(
      `redis, a ${kind}`,
      ({ retention, now }) => {
        prefix += 1;
        const keys = new Keys(`test-${prefix}:`);
        const rules = new RetentionRules(retention);
        const common = { connection, keys, nodeId: "c1", ids: IDS, replicas: 0, now };
        return Promise.resolve(new RedisLog({ ...common, retention: rules }));
      },
      async (ms) => {
        const all = servers instanceof RedisServer ? [servers] : servers.masters;
        for (const server of all) {
          for (const key of server.cli("keys", `test-${prefix}:*`).split("\n")) {
            const left = Number(server.cli("pttl", key));
            if (left > 0) server.cli("pexpire", key, String(Math.max(1, left - ms)));
          }
        }
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
    );
  });
}
