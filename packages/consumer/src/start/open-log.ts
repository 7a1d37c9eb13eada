// The log that a consumer's options ask for.
import { join } from "node:path";
import { LmdbLog, MemoryLog, type DamageTally, type Log, type LogClock } from "@shardcast/log";
import type { RedisCluster } from "@shardcast/redis";
import type { ConsumerOptions } from "./consumer-options.ts";

const TAIL_OF_TOPIC_BYTES = 1024 * 1024;

export interface LogParts {
  readonly redis: RedisCluster | undefined;
  readonly damage: DamageTally;
  readonly clock: LogClock;
}

/** @throws SHARDCAST_DATA_LOCKED, SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT, SHARDCAST_OPTION_INVALID */
export async function openLog(
  nodeId: string,
  options: ConsumerOptions,
  { redis, damage, clock }: LogParts,
): Promise<Log> {
  const { retention, maxLogBytes: maxBytes } = options;
  const { windowMs, maxIds } = options.dedupe;
  // A window has two generations.
  const ids = { ageMs: 2 * windowMs, count: 2 * maxIds };
  if (redis !== undefined) {
    const { RedisLog } = await import("@shardcast/redis");
    const { connection, keys } = redis;
    return new RedisLog({
      connection,
      keys,
      nodeId,
      retention,
      ids,
      damage,
      ...clock,
      replicas: options.redisReplicas,
    });
  }
  switch (options.log) {
    case "memory":
      return new MemoryLog({ retention, maxBytes, ...clock });
    default:
      return LmdbLog.open({
        folder: join(options.dataFolder, nodeId),
        nodeId,
        retention,
        maxBytes,
        ids,
        damage,
        ...clock,
        tail: { bytes: TAIL_OF_TOPIC_BYTES, maxBytes: options.tailBytes },
      });
  }
}
