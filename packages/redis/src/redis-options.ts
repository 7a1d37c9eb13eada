// The options with which a node connects to Redis.
import type { REDIS_OPTIONS, Values } from "@shardcast/options";
import { readCertificates } from "@shardcast/server";
import { parseRedisTarget, type RedisTarget } from "./redis-target.ts";

export interface RedisOptions {
  readonly target: RedisTarget;
  readonly prefix: string;
  readonly ca: readonly string[] | undefined;
  readonly memberTimeoutMs: number;
}

/**
 * @returns undefined if --redis is not set
 * @throws SHARDCAST_OPTION_INVALID
 */
export function parseRedisOptions(values: Values<typeof REDIS_OPTIONS>): RedisOptions | undefined {
  const { redisUrl, redisPrefix, redisCaFile, memberTimeoutMs } = values;
  if (redisUrl === undefined) return undefined;
  return {
    target: parseRedisTarget(redisUrl),
    prefix: redisPrefix,
    ca: redisCaFile === undefined ? undefined : readCertificates("--redis-ca", redisCaFile),
    memberTimeoutMs,
  };
}
