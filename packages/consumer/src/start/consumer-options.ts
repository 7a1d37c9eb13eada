// The options that a consumer has beside those of every node.
import { parseJson } from "@shardcast/process";
import { presenceTopic } from "@shardcast/protocol";
import { RetentionRules, parseRetentionRules, type MemoryTopicLogOptions } from "@shardcast/log";
import { REDIS_OPTIONS, parseRedisOptions, type RedisOptions } from "@shardcast/redis/options";
import { nodeUrl } from "@shardcast/protocol";
import { NODE_OPTIONS, optionInvalid, text, wholeNumber, type RawOptions } from "@shardcast/server";
import type { DedupeOptions } from "../owner/dedupe-window.ts";
import { PUSH_OPTIONS, parsePushOptions, type PushOptions } from "../push/push-options.ts";
import { PUSH_TOPIC_MESSAGES } from "../push/push-registry.ts";
import { PUSH_TOPIC } from "../push/push-topic.ts";

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const MEBIBYTE = 1024 * 1024;

export const CONSUMER_OPTIONS = {
  id: {
    group: "Cluster:",
    type: "string",
    demandOption: true,
    describe:
      "This node's name in --consumers; auto picks the entry with this node's address and port",
  },
  port: {
    group: "Node:",
    type: "number",
    default: 9100,
    describe: "Port to listen on; 0 picks a free one (or PORT)",
  },
  log: {
    group: "Storage:",
    type: "string",
    default: "lmdb",
    choices: ["lmdb", "memory", "redis"],
    describe: "Where to store messages: on disk (lmdb), in memory, or in Redis (with --redis)",
  },
  data: {
    group: "Storage:",
    type: "string",
    default: "data",
    describe: "Folder of the log on disk; this node uses <data>/<id>",
  },
  "retain-count": {
    group: "Storage:",
    type: "number",
    default: 100_000,
    describe: "Messages to retain per topic",
  },
  "retain-bytes": {
    group: "Storage:",
    type: "number",
    default: 64 * MEBIBYTE,
    describe: "Bytes to retain per topic",
  },
  "retain-age": {
    group: "Storage:",
    type: "number",
    default: 24 * HOUR_MS,
    describe: "How long to retain a message, in ms",
  },
  retention: {
    group: "Storage:",
    describe:
      'Retention rules for topics, as JSON; the first match applies: [{"topics":"chat/*","count":100,"bytes":65536,"ageMs":60000}]',
    defaultDescription: "none",
  },
  "log-bytes": {
    group: "Storage:",
    type: "number",
    defaultDescription: "1 GiB in memory, 64 GiB on disk",
    describe: "Bytes to retain of all topics together",
  },
  "tail-bytes": {
    group: "Storage:",
    type: "number",
    default: 64 * MEBIBYTE,
    describe: "Memory for the newest messages of a log on disk, in bytes",
  },
  "slow-subscribers": {
    group: "Subscribers:",
    type: "string",
    default: "spill",
    choices: ["spill", "disconnect"],
    describe:
      "What to do with a subscriber that cannot keep up: let it read from the log (spill), or disconnect it beyond --max-lag",
  },
  "max-lag": {
    group: "Subscribers:",
    type: "number",
    default: 10_000,
    describe: "Messages that a subscriber may lag behind with --slow-subscribers disconnect",
  },
  "dedupe-window": {
    group: "Storage:",
    type: "number",
    default: 120_000,
    describe: "How long a repeated message id is recognised, in ms",
  },
  advertise: {
    group: "Cluster:",
    type: "string",
    defaultDescription: "the node's own address",
    describe: "With --redis: the URL where other nodes reach this one, ws(s)://host:port",
  },
  "redis-replicas": {
    group: "Redis:",
    type: "number",
    default: 0,
    describe: "Redis replicas that must have a message before it is acked",
  },
  "presence-timeout": {
    group: "Subscribers:",
    type: "number",
    default: 10_000,
    describe: "How long a member stays present after its link or its node is lost, in ms",
  },
  "max-present": {
    group: "Limits:",
    type: "number",
    default: 100_000,
    describe: "Members present on one topic",
  },
  "max-present-each": {
    group: "Limits:",
    type: "number",
    default: 1000,
    describe: "The share of --max-present that one user, or one address, may use on each consumer",
  },
  "max-owned-topics": {
    group: "Limits:",
    type: "number",
    default: 1_000_000,
    describe: "Owned topics in use at once",
  },
  ...PUSH_OPTIONS,
  ...NODE_OPTIONS,
  ...REDIS_OPTIONS,
} as const;

export interface ConsumerOptions {
  readonly log: "lmdb" | "memory" | "redis";
  readonly redis: RedisOptions | undefined;
  readonly redisReplicas: number;
  readonly advertise: string | undefined;
  readonly dataFolder: string;
  readonly retention: RetentionRules;
  /** All topics together. */
  readonly maxLogBytes: number;
  readonly tailBytes: number;
  /** What a relay keeps of a topic that it does not own. */
  readonly tail: MemoryTopicLogOptions;
  readonly dedupe: DedupeOptions;
  readonly maxOwnedTopics: number;
  readonly presenceTimeoutMs: number;
  /** Members of one topic. */
  readonly maxPresent: number;
  /** Of them, those of one user or address, by this node. */
  readonly maxPresentEach: number;
  /** Messages; Infinity where subscribers may fall behind as far as they like. */
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
export function parseConsumerOptions(raw: RawOptions): ConsumerOptions {
  const { MAX_SAFE_INTEGER: max } = Number;
  const ageMs = wholeNumber(raw, "retain-age", 1, max);
  const log = logOf(raw);
  const maxLogBytes =
    raw["log-bytes"] === undefined ? DEFAULT_LOG_BYTES[log] : wholeNumber(raw, "log-bytes", 1, max);
  const defaults = {
    count: wholeNumber(raw, "retain-count", 1, max),
    bytes: wholeNumber(raw, "retain-bytes", 1, max),
    ageMs,
  };
  const tail = { count: TAIL_COUNT, bytes: TAIL_BYTES, ageMs };
  const maxLag = wholeNumber(raw, "max-lag", 1, max);
  return {
    log,
    redis: parseRedisOptions(raw),
    redisReplicas: wholeNumber(raw, "redis-replicas", 0, 100),
    advertise: advertisedOf(raw),
    dataFolder: text(raw, "data"),
    retention: new RetentionRules(defaults, [
      ...parseRetentionRules(retentionOf(raw)),
      PRESENCE_RETENTION,
      PUSH_RETENTION,
    ]),
    maxLogBytes,
    tailBytes: wholeNumber(raw, "tail-bytes", 0, max),
    tail: { retention: tail, maxBytes: maxLogBytes },
    maxOwnedTopics: wholeNumber(raw, "max-owned-topics", 1, max),
    presenceTimeoutMs: wholeNumber(raw, "presence-timeout", 0, DAY_MS),
    maxPresent: wholeNumber(raw, "max-present", 0, 10_000_000),
    maxPresentEach: wholeNumber(raw, "max-present-each", 1, 10_000_000),
    dedupe: { windowMs: wholeNumber(raw, "dedupe-window", 0, max), maxIds: DEDUPE_MAX_IDS },
    maxLag: raw["slow-subscribers"] === "disconnect" ? maxLag : Infinity,
    push: parsePushOptions(raw),
  };
}

/** @throws SHARDCAST_OPTION_INVALID where nobody, or nobody with TLS, could follow it */
function advertisedOf(raw: RawOptions): string | undefined {
  if (raw["advertise"] === undefined) return undefined;
  const value = text(raw, "advertise");
  const url = nodeUrl(value);
  if (url === undefined) throw optionInvalid(`--advertise: ${value} is not ws://<host>:<port>`);
  if (raw["tls-cert"] !== undefined && !url.startsWith("wss:")) {
    throw optionInvalid(
      `--advertise: ${value} is without TLS, and the node serves TLS alone: wss://…`,
    );
  }
  return url;
}

/** Whoever finds the other consumers in Redis keeps messages there, too: a log of its own would not move. */
function logOf(raw: RawOptions): ConsumerOptions["log"] {
  const log = text(raw, "log");
  if ((log === "redis") !== (raw["redis"] !== undefined)) {
    throw optionInvalid("--log redis and --redis <url> go together");
  }
  return log === "memory" || log === "redis" ? log : "lmdb";
}

/** JSON text on a command line or in the environment, the list itself in a file. */
function retentionOf(raw: RawOptions): unknown {
  const value = raw["retention"];
  if (value === undefined) return [];
  if (typeof value !== "string") return value;
  return parseJson("--retention", value);
}
