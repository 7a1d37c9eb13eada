// What a consumer is started with, in addition to what every node is started with.
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
  /** All topics together. */
  readonly maxLogBytes: number;
  /** What a relay keeps of a topic that it does not own. */
  readonly tail: MemoryTopicLogOptions;
  readonly dedupe: DedupeOptions;
  /** Messages; Infinity where subscribers may lag behind without a limit. */
  readonly maxLag: number;
  readonly push: PushOptions;
}

const DEFAULT_LOG_BYTES = {
  memory: 1024 * MEBIBYTE,
  lmdb: 64 * 1024 * MEBIBYTE,
  // What is in Redis is bounded a topic.
  redis: Number.MAX_SAFE_INTEGER,
} as const;
/** Ids of one topic and window; beyond it the window gets shorter. */
const DEDUPE_MAX_IDS = 200_000;
/** Whoever missed more of it asks for the list anew. */
const PRESENCE_RETENTION = { topics: presenceTopic("*"), count: 1000, ageMs: 60_000 };
/** What still counts is told again in time: no age and no size may drop it. Numbers that Redis can read. */
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
  // A consumer that finds the others in Redis keeps messages there, too: another log would not move with its topics.
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

/** @throws SHARDCAST_OPTION_INVALID where no node, or no node with TLS, could follow the URL */
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
