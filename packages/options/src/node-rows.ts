// Options of all nodes, of Redis, and of producers.
import { ACCESS_OPTIONS } from "./access-rows.ts";
import { checkNodeId } from "./node-id.ts";
import { optionInvalid } from "./option-invalid.ts";
import { choice, list, onOff, text, whole } from "./row.ts";

const EVENT_KINDS = ["links", "subscriptions", "occupancy"] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

const DAY_MS = 24 * 60 * 60 * 1000;
const MEBIBYTE = 1024 * 1024;
/** The size of two of the largest bodies. Half of it is for bodies whose sender is unknown until they have arrived. */
const BODY_BYTES_EACH = 32 * MEBIBYTE;
const REDIS_PREFIX = /^[^{}\s]{0,64}$/;
const NODE = { group: "Node" } as const;
const KEYS = { group: "Keys and tokens" } as const;
const LIMITS = { group: "Limits" } as const;
const REDIS = { group: "Redis" } as const;
const TLS = { group: "TLS" } as const;
const MEMORY = { ...LIMITS, min: MEBIBYTE, max: 2 ** 40 } as const;
export const PORT = { ...NODE, min: 0, max: 65_535 } as const;

export const NODE_OPTIONS = {
  host: text("host", {
    ...NODE,
    default: "127.0.0.1",
    help: "Address to listen on; 0.0.0.0 or :: listens on every network",
  }),
  consumers: text("consumers", {
    group: "Cluster",
    help: "All consumers, the same list on every node: c1=ws://host:9100,c2=ws://host:9101 ({1..3} expands to each number); file:<path> of such a list; or dns://<host>:<port>. Not with --redis, where nodes find consumers in Redis",
  }),
  psk: text("psk", {
    ...KEYS,
    variable: "PSK",
    replacedBy: ["psk-file"],
    help: "Pre-shared key",
  }),
  previousPsk: text("psk-previous", {
    ...KEYS,
    variable: "PSK_PREVIOUS",
    replacedBy: ["psk-file"],
    help: "A second key that is also accepted, for changing keys",
  }),
  pskFile: text("psk-file", {
    ...KEYS,
    replacedBy: ["psk", "psk-previous"],
    help: "File with the key on its first line and, optionally, the previous key on its second",
  }),
  handshakeTimeoutMs: whole("handshake-timeout", {
    ...LIMITS,
    variable: "TIMEOUT",
    default: 3000,
    min: 1,
    max: DAY_MS,
    help: "Time limit of a handshake, in ms",
  }),
  heartbeatMs: whole("heartbeat-interval", {
    ...NODE,
    default: 25_000,
    min: 20,
    max: DAY_MS,
    help: "Time between heartbeats, in ms",
  }),
  schemaFile: text("schemas", {
    ...LIMITS,
    help: "JSON file with the schemas of what clients may publish, by topic",
  }),
  maxPayloadBytes: whole("max-payload", {
    ...LIMITS,
    default: MEBIBYTE,
    min: 1,
    max: 15 * MEBIBYTE,
    help: "Largest payload, in bytes",
  }),
  maxBodyBytes: whole("max-body-bytes", {
    ...MEMORY,
    default: 128 * MEBIBYTE,
    min: BODY_BYTES_EACH,
    help: "Memory for request bodies that are being read or answered, in bytes",
  }),
  maxBodyBytesEach: whole("max-body-bytes-each", {
    ...MEMORY,
    default: BODY_BYTES_EACH,
    min: BODY_BYTES_EACH,
    help: "The share of --max-body-bytes that one user, or one address, may use",
  }),
  maxAnswerBytes: whole("max-answer-bytes", {
    ...MEMORY,
    default: 128 * MEBIBYTE,
    help: "Memory for HTTP responses that clients have not read yet, in bytes",
  }),
  maxAnswerBytesEach: whole("max-answer-bytes-each", {
    ...MEMORY,
    default: 32 * MEBIBYTE,
    help: "The share of --max-answer-bytes that one user, or one address, may use",
  }),
  maxUnfinishedBytes: whole("max-unfinished-bytes", {
    ...MEMORY,
    default: 256 * MEBIBYTE,
    help: "Memory for incomplete WebSocket messages of more than 64 KiB, in bytes",
  }),
  maxUnfinishedBytesEach: whole("max-unfinished-bytes-each", {
    ...MEMORY,
    default: 32 * MEBIBYTE,
    help: "The share of --max-unfinished-bytes that one user, or one address, may use",
  }),
  maxLinks: whole("max-links", {
    ...LIMITS,
    default: 100_000,
    min: 1,
    max: 10_000_000,
    help: "Links at once",
  }),
  maxTopics: whole("max-topics", {
    ...LIMITS,
    default: 1000,
    min: 1,
    max: 1_000_000,
    help: "Topics that one link may follow",
  }),
  windowMessages: whole("window", {
    ...LIMITS,
    default: 4096,
    min: 1,
    max: 65_536,
    help: "Unacked publishes that one link may have",
  }),
  publishTimeoutMs: whole("publish-timeout", {
    ...NODE,
    default: 10_000,
    min: 1,
    max: DAY_MS,
    help: "Time limit of a publish whose sender sets none, in ms",
  }),
  highWaterBytes: whole("high-water", {
    ...LIMITS,
    default: 256 * 1024,
    min: 1024,
    max: 2 ** 31,
    help: "Pause a link once this many bytes are unsent",
  }),
  drainTimeoutMs: whole("drain-timeout", {
    ...NODE,
    default: 3000,
    min: 0,
    max: DAY_MS,
    help: "Time to move clients to other nodes when this node stops, in ms",
  }),
  isLegacySpoken: onOff("legacy-protocol", {
    ...NODE,
    help: "Speak the original queue's protocol with clients that offer no subprotocol",
  }),
  events: list(
    "events",
    {
      ...NODE,
      shownDefault: "nothing",
      help: "Events to publish on $events/… topics: links, subscriptions, occupancy, separated by commas",
    },
    eventKindOf,
  ),
  logLevel: choice("log-level", ["trace", "debug", "info", "warn", "error", "silent"], {
    ...NODE,
    default: "info",
    help: "Least severe level to log",
  }),
  ...ACCESS_OPTIONS,
  tlsCertFile: text("tls-cert", {
    ...TLS,
    help: "File with the node's certificate chain, in PEM; the node then serves only TLS",
  }),
  tlsKeyFile: text("tls-key", {
    ...TLS,
    help: "File with the certificate's private key, in PEM",
  }),
  tlsCaFile: text("tls-ca", {
    ...TLS,
    help: "File with more CA certificates to trust for other nodes, in PEM",
  }),
};

export const REDIS_OPTIONS = {
  redisUrl: text("redis", {
    ...REDIS,
    help: "Redis or Valkey: redis://host:6379, redis+sentinel://host:26379,…/group or redis+cluster://host:6379,…; rediss for TLS",
  }),
  redisPrefix: text(
    "redis-prefix",
    {
      ...REDIS,
      default: "shardcast:",
      isEmptyAllowed: true,
      help: "Prefix of all keys; give each cluster that shares a Redis its own",
    },
    redisPrefixOf,
  ),
  redisCaFile: text("redis-ca", {
    ...REDIS,
    help: "File with the CA certificate of Redis, in PEM",
  }),
  memberTimeoutMs: whole("member-timeout", {
    ...REDIS,
    default: 10_000,
    min: 100,
    max: DAY_MS,
    help: "How long a consumer may be silent in Redis before it counts as gone, in ms",
  }),
};

export const PRODUCER_OPTIONS = {
  id: text(
    "id",
    { ...NODE, default: "producer", help: "This node's name in logs and metrics" },
    checkNodeId,
  ),
  port: whole("port", {
    ...PORT,
    variable: "PORT",
    default: 9000,
    help: "Port to listen on; 0 picks a free one",
  }),
  ...NODE_OPTIONS,
  ...REDIS_OPTIONS,
};

function eventKindOf(name: string, label: string): EventKind {
  const kind = EVENT_KINDS.find((one) => one === name);
  if (kind === undefined) throw optionInvalid(`${label} has ${EVENT_KINDS.join(", ")}`);
  return kind;
}

function redisPrefixOf(prefix: string, label: string): string {
  if (REDIS_PREFIX.test(prefix)) return prefix;
  throw optionInvalid(`${label} is up to 64 characters, none of them a brace or a space`);
}
