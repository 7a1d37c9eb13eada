// The options of a consumer, in addition to those of every node.
import { RetentionRules, parseRetentionRules, type MemoryTopicLogOptions } from "@shardcast/log";
import { optionInvalid, type CONSUMER_OPTIONS, type Values } from "@shardcast/options";
import { nodeUrl, presenceTopic } from "@shardcast/protocol";
import { parseRedisOptions, type RedisOptions } from "@shardcast/redis/options";
import type { DedupeOptions } from "../owner/dedupe-window.ts";
import { parsePushOptions, type PushOptions } from "../push/push-options.ts";
import { PUSH_TOPIC_MESSAGES } from "../push/push-registry.ts";
import { PUSH_TOPIC } from "../push/push-topic.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const MEBIBYTE = 1024 * 1024;

type ConsumerValues = Values<typeof CONSUMER_OPTIONS>;

export interface ConsumerOptions extends Pick<
  ConsumerValues,
  | "log"
  | "redisReplicas"
  | "dataFolder"
  | "tailBytes"
  | "maxOwnedTopics"
  | "presenceTimeoutMs"
  | "maxPresent"
  | "maxPresentEach"
> {
  readonly redis: RedisOptions | undefined;
  readonly advertise: string | undefined;
  readonly retention: RetentionRules;
  /** The most bytes of all topics together. */
  readonly maxLogBytes: number;
  /** Options of the log that a relay keeps for a topic that it does not own. */
  readonly tail: MemoryTopicLogOptions;
  readonly dedupe: DedupeOptions;
  /** The most messages that a subscriber may fall behind; Infinity for no limit. */
  readonly maxLag: number;
  readonly push: PushOptions;
}

const DEFAULT_LOG_BYTES = {
  memory: 1024 * MEBIBYTE,
  lmdb: 64 * 1024 * MEBIBYTE,
  // In Redis, only each topic is limited.
  redis: Number.MAX_SAFE_INTEGER,
} as const;
/** The most ids of one topic and window; if there are more, the window is shortened. */
const DEDUPE_MAX_IDS = 200_000;
/** A watcher that missed more changes than this reads the members again. */
const PRESENCE_RETENTION = { topics: presenceTopic("*"), count: 1000, ageMs: 60_000 };
/**
 * Entries that are still valid are published again in time, so no age or size may drop them. The
 * numbers are in the range of Redis.
 */
const PUSH_RETENTION = {
  topics: PUSH_TOPIC,
  count: PUSH_TOPIC_MESSAGES,
  bytes: 2 ** 40,
  ageMs: 100 * 365 * DAY_MS,
};
const TAIL_COUNT = 1000;
const TAIL_BYTES = MEBIBYTE;

/** @throws SHARDCAST_OPTION_INVALID */
export function parseConsumerOptions(values: ConsumerValues): ConsumerOptions {
  const { log, redisUrl, retainCount, retainBytes, retainAgeMs: ageMs } = values;
  // A consumer that finds the others in Redis must also store messages there: another log would not
  // move with its topics.
  if ((log === "redis") !== (redisUrl !== undefined)) {
    throw optionInvalid("--log redis and --redis <url> go together");
  }
  const maxLogBytes = values.logBytes ?? DEFAULT_LOG_BYTES[log];
  return {
    ...values,
    redis: parseRedisOptions(values),
    advertise: advertisedOf(values),
    retention: new RetentionRules({ count: retainCount, bytes: retainBytes, ageMs }, [
      ...parseRetentionRules(values.retentionRules ?? []),
      PRESENCE_RETENTION,
      PUSH_RETENTION,
    ]),
    maxLogBytes,
    tail: { retention: { count: TAIL_COUNT, bytes: TAIL_BYTES, ageMs }, maxBytes: maxLogBytes },
    dedupe: { windowMs: values.dedupeWindowMs, maxIds: DEDUPE_MAX_IDS },
    maxLag: values.slowSubscribers === "disconnect" ? values.maxLagMessages : Infinity,
    push: parsePushOptions(values),
  };
}

/** @throws SHARDCAST_OPTION_INVALID if no node, or no node with TLS, could dial the URL */
function advertisedOf({ advertisedUrl: value, tlsCertFile }: ConsumerValues): string | undefined {
  if (value === undefined) return undefined;
  const url = nodeUrl(value);
  if (url === undefined) throw optionInvalid(`--advertise: ${value} is not ws://<host>:<port>`);
  if (tlsCertFile !== undefined && !url.startsWith("wss:")) {
    throw optionInvalid(
      `--advertise: ${value} is without TLS, and the node serves TLS alone: wss://…`,
    );
  }
  return url;
}
