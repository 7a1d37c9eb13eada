// Options of consumers.
import { checkNodeId } from "./node-id.ts";
import { NODE_OPTIONS, PORT, REDIS_OPTIONS } from "./node-rows.ts";
import { choice, json, list, onOff, text, whole } from "./row.ts";

const HOUR_MS = 60 * 60 * 1000;
const MEBIBYTE = 1024 * 1024;
const CLUSTER = { group: "Cluster" } as const;
const STORAGE = { group: "Storage" } as const;
const SUBSCRIBERS = { group: "Subscribers" } as const;
const LIMITS = { group: "Limits" } as const;
const PUSH = { group: "Push" } as const;

export const CONSUMER_OPTIONS = {
  id: text(
    "id",
    {
      ...CLUSTER,
      isRequired: true,
      help: "This node's name in --consumers; auto picks the entry with this node's address and port",
    },
    checkNodeId,
  ),
  port: whole("port", {
    ...PORT,
    variable: "PORT",
    default: 9100,
    help: "Port to listen on; 0 picks a free one",
  }),
  log: choice("log", ["lmdb", "memory", "redis"], {
    ...STORAGE,
    default: "lmdb",
    help: "Where to store messages: on disk (lmdb), in memory, or in Redis (with --redis)",
  }),
  dataFolder: text("data", {
    ...STORAGE,
    default: "data",
    help: "Folder of the log on disk; this node uses <data>/<id>",
  }),
  retainCount: whole("retain-count", {
    ...STORAGE,
    default: 100_000,
    min: 1,
    help: "Messages to retain per topic",
  }),
  retainBytes: whole("retain-bytes", {
    ...STORAGE,
    default: 64 * MEBIBYTE,
    min: 1,
    help: "Bytes to retain per topic",
  }),
  retainAgeMs: whole("retain-age", {
    ...STORAGE,
    default: 24 * HOUR_MS,
    min: 1,
    help: "How long to retain a message, in ms",
  }),
  retentionRules: json("retention", {
    ...STORAGE,
    shownDefault: "none",
    help: 'Retention rules for topics, as JSON; the first match applies: [{"topics":"chat/*","count":100,"bytes":65536,"ageMs":60000}]',
  }),
  logBytes: whole("log-bytes", {
    ...STORAGE,
    shownDefault: "1 GiB in memory, 64 GiB on disk",
    min: 1,
    help: "Bytes to retain of all topics together",
  }),
  tailBytes: whole("tail-bytes", {
    ...STORAGE,
    default: 64 * MEBIBYTE,
    min: 0,
    help: "Memory for the newest messages of a log on disk, in bytes",
  }),
  slowSubscribers: choice("slow-subscribers", ["spill", "disconnect"], {
    ...SUBSCRIBERS,
    default: "spill",
    help: "What to do with a subscriber that cannot keep up: let it read from the log (spill), or disconnect it beyond --max-lag",
  }),
  maxLagMessages: whole("max-lag", {
    ...SUBSCRIBERS,
    default: 10_000,
    min: 1,
    help: "Messages that a subscriber may lag behind with --slow-subscribers disconnect",
  }),
  dedupeWindowMs: whole("dedupe-window", {
    ...STORAGE,
    default: 120_000,
    min: 0,
    help: "How long a repeated message id is recognised, in ms",
  }),
  advertisedUrl: text("advertise", {
    ...CLUSTER,
    shownDefault: "the node's own address",
    help: "With --redis: the URL where other nodes reach this one, ws(s)://host:port",
  }),
  redisReplicas: whole("redis-replicas", {
    group: "Redis",
    default: 0,
    min: 0,
    max: 100,
    help: "Redis replicas that must have a message before it is acked",
  }),
  presenceTimeoutMs: whole("presence-timeout", {
    ...SUBSCRIBERS,
    default: 10_000,
    min: 0,
    max: 24 * HOUR_MS,
    help: "How long a member stays present after its link or its node is lost, in ms",
  }),
  maxPresent: whole("max-present", {
    ...LIMITS,
    default: 100_000,
    min: 0,
    max: 10_000_000,
    help: "Members present on one topic",
  }),
  maxPresentEach: whole("max-present-each", {
    ...LIMITS,
    default: 1000,
    min: 1,
    max: 10_000_000,
    help: "The share of --max-present that one user, or one address, may use on each consumer",
  }),
  maxOwnedTopics: whole("max-owned-topics", {
    ...LIMITS,
    default: 1_000_000,
    min: 1,
    help: "Owned topics in use at once",
  }),
  pushFile: text("push", {
    ...PUSH,
    help: 'File with push subscriptions: [{"name":"shop","topics":["orders/*"],"url":"https://…","keys":["whsec_…"]}]',
  }),
  pushAllow: list("push-allow", {
    ...PUSH,
    shownDefault: "none",
    help: "Private addresses, ranges and host names that the node may push to: 10.1.0.0/16,hooks.internal",
  }),
  isPushHttpAllowed: onOff("push-allow-http", { ...PUSH, help: "Allow http: URLs" }),
  pushCaFile: text("push-ca", {
    ...PUSH,
    help: "File with more CA certificates to trust for push, in PEM",
  }),
  ...NODE_OPTIONS,
  ...REDIS_OPTIONS,
};
