// Opens the storage of a consumer: the log that its options name, and Redis if they name it.
import { join } from "node:path";
import { DamageTally, LmdbLog, MemoryLog, type Log } from "@shardcast/log";
import type { RedisCluster } from "@shardcast/redis";
import type { NodeCore, TopicSource } from "@shardcast/server";
import type { ConsumerOptions } from "./consumer-options.ts";

const TAIL_OF_TOPIC_BYTES = 1024 * 1024;

export interface Storage {
  readonly log: Log;
  /** Counts the damaged places that the log has found. */
  readonly damage: DamageTally;
  readonly redis: RedisCluster | undefined;
  /**
   * A source from which every consumer reads every topic; undefined if only the owner has a topic's
   * log.
   */
  readonly shared: TopicSource | undefined;
  close(): Promise<void>;
}

/**
 * @throws SHARDCAST_DATA_LOCKED, SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT,
 * SHARDCAST_OPTION_INVALID
 */
export async function openStorage(core: NodeCore, options: ConsumerOptions): Promise<Storage> {
  const { logger, membership, clock } = core;
  const { retention, maxLogBytes: maxBytes, redis: redisOptions } = options;
  const { windowMs, maxIds } = options.dedupe;
  const damage = new DamageTally((found) => {
    logger.error(found, "damaged records are left out");
  });
  const nodeId = core.options.id;
  const { now, cutoff } = clock;
  // A dedupe window has two generations.
  const ids = { ageMs: 2 * windowMs, count: 2 * maxIds };
  if (redisOptions !== undefined) {
    const { RedisCluster, RedisLog, RedisSource } = await import("@shardcast/redis");
    const redis = new RedisCluster(redisOptions, membership, logger);
    const { connection, keys } = redis;
    const shared = new RedisSource({ connection, keys, logger, damage, now });
    const replicas = options.redisReplicas;
    const places = { connection, keys, nodeId, replicas };
    const log = new RedisLog({ ...places, retention, ids, damage, now, cutoff });
    const close = async (): Promise<void> => {
      await log.close();
      shared.close();
      redis.close();
    };
    return { log, damage, redis, shared, close };
  }
  const log =
    options.log === "memory"
      ? new MemoryLog({ retention, maxBytes, now, cutoff })
      : await LmdbLog.open({
          folder: join(options.dataFolder, nodeId),
          tail: { bytes: TAIL_OF_TOPIC_BYTES, maxBytes: options.tailBytes },
          nodeId,
          retention,
          maxBytes,
          ids,
          damage,
          now,
          cutoff,
        });
  return { log, damage, redis: undefined, shared: undefined, close: () => log.close() };
}
