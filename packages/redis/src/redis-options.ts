// The options by which a node is told of Redis.
import {
  optionInvalid,
  readCertificates,
  text,
  wholeNumber,
  type RawOptions,
} from "@shardcast/server";
import { parseRedisTarget, type RedisTarget } from "./redis-target.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const PREFIX = /^[^{}\s]{0,64}$/;

export const REDIS_OPTIONS = {
  redis: {
    group: "Redis:",
    type: "string",
    describe:
      "Redis or Valkey: redis://host:6379, redis+sentinel://host:26379,…/group or redis+cluster://host:6379,…; rediss for TLS",
  },
  "redis-prefix": {
    group: "Redis:",
    type: "string",
    default: "shardcast:",
    describe: "Prefix of all keys; give each cluster that shares a Redis its own",
  },
  "redis-ca": {
    group: "Redis:",
    type: "string",
    describe: "File with the CA certificate of Redis, in PEM",
  },
  "member-timeout": {
    group: "Redis:",
    type: "number",
    default: 10_000,
    describe: "How long a consumer may be silent in Redis before it counts as gone, in ms",
  },
} as const;

export interface RedisOptions {
  readonly target: RedisTarget;
  readonly prefix: string;
  readonly ca: readonly string[] | undefined;
  readonly memberTimeoutMs: number;
}

/** Undefined where no Redis is named. @throws SHARDCAST_OPTION_INVALID */
export function parseRedisOptions(raw: RawOptions): RedisOptions | undefined {
  if (raw["redis"] === undefined) return undefined;
  const prefix = raw["redis-prefix"];
  if (typeof prefix !== "string" || !PREFIX.test(prefix)) {
    throw optionInvalid("--redis-prefix is up to 64 characters, none of them a brace or a space");
  }
  return {
    target: parseRedisTarget(text(raw, "redis")),
    prefix,
    ca:
      raw["redis-ca"] === undefined
        ? undefined
        : readCertificates("--redis-ca", text(raw, "redis-ca")),
    memberTimeoutMs: wholeNumber(raw, "member-timeout", 100, DAY_MS),
  };
}
