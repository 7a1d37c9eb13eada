// The options of a switchboard. The original's variables are kept.
import { NODE_OPTIONS, list, onOff, optionInvalid, secret, text, whole } from "@shardcast/options";

const DAY_S = 24 * 60 * 60;
const DAY_MS = DAY_S * 1000;
const NODE = { group: "Node" } as const;
const CLUSTER = { group: "Cluster" } as const;
const BACK_END = { group: "Back end" } as const;
const SESSIONS = { group: "Sessions" } as const;
const LIMITS = { group: "Limits" } as const;

/** A row of the nodes, by another variable. */
const shared = <R extends object, V extends string>(row: R, variable: V): R & { variable: V } => ({
  ...row,
  variable,
});

export const SWITCHBOARD_OPTIONS = {
  host: shared(NODE_OPTIONS.host, "SWITCHBOARD_HOST"),
  port: whole("port", {
    ...NODE,
    variable: "SWITCHBOARD_PORT",
    default: 5555,
    min: 0,
    max: 65_535,
    help: "Port to listen on; 0 picks a free one",
  }),
  producers: list(
    "producers",
    {
      ...CLUSTER,
      variable: "SHARDCAST_PRODUCERS",
      default: "ws://127.0.0.1:9000,ws://127.0.0.1:9001",
      help: "Producer nodes of the cluster, separated by commas",
    },
    nodeUrlOf,
  ),
  consumers: list(
    "consumers",
    {
      ...CLUSTER,
      variable: "SHARDCAST_CONSUMERS",
      default: "ws://127.0.0.1:9100,ws://127.0.0.1:9101",
      help: "Consumer nodes of the cluster, separated by commas; the nodes' own list (c1=ws://…) also works",
    },
    nodeUrlOf,
  ),
  psk: secret("psk", {
    ...CLUSTER,
    variable: "PSK",
    replacedBy: ["psk-file"],
    help: "The cluster's pre-shared key",
  }),
  pskFile: text("psk-file", {
    ...CLUSTER,
    variable: "SHARDCAST_PSK_FILE",
    replacedBy: ["psk"],
    help: "File with the key on its first line",
  }),
  conciergeUrl: text(
    "concierge-url",
    {
      ...BACK_END,
      variable: "CONCIERGE_URL",
      isRequired: true,
      help: "URL of the back end, with or without /incoming/postback",
    },
    httpUrlOf,
  ),
  postbackSecret: secret("postback-secret", {
    ...BACK_END,
    variable: "CONCIERGE_POSTBACK_SECRET_KEY",
    isRequired: true,
    help: "Secret that signs the requests of the back end, and those to it",
  }),
  accessId: text("access-id", {
    ...BACK_END,
    variable: "CONCIERGE_ACCESS_ID",
    shownDefault: "any",
    help: "The only access id that the back end may sign with",
  }),
  secret: secret("secret", {
    ...SESSIONS,
    variable: "SWITCHBOARD_SECRET_KEY",
    isRequired: true,
    help: "Secret that seals sessions, the same on all switchboards",
  }),
  previousSecret: secret("secret-previous", {
    ...SESSIONS,
    variable: "SWITCHBOARD_SECRET_KEY_PREVIOUS",
    help: "A second secret whose sessions are also accepted, for changing secrets",
  }),
  sessionLifetimeS: whole("session-lifetime", {
    ...SESSIONS,
    variable: "SWITCHBOARD_SESSION_LIFETIME",
    default: 30 * DAY_S,
    min: 1,
    max: 3650 * DAY_S,
    help: "How long a session lasts after it was last used, in seconds",
  }),
  areClientSessionsTaken: onOff("client-sessions", {
    ...SESSIONS,
    variable: "SWITCHBOARD_CLIENT_SESSIONS",
    help: "Accept random UUIDs as sessions, as clients of the original make them",
  }),
  origins: list("origins", {
    ...LIMITS,
    variable: "SWITCHBOARD_ORIGINS",
    shownDefault: "all",
    help: "Origins of web pages that may open WebSockets, separated by commas",
  }),
  maxSockets: whole("max-sockets", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_SOCKETS",
    default: 10_000,
    min: 1,
    max: 1_000_000,
    help: "WebSockets at once",
  }),
  maxSocketsPerAddress: whole("max-address-sockets", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_ADDRESS_SOCKETS",
    default: 1000,
    min: 1,
    max: 1_000_000,
    help: "WebSockets of one address at once",
  }),
  maxSessionsPerAddress: whole("max-address-sessions", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_ADDRESS_SESSIONS",
    default: 1000,
    min: 1,
    max: 1_000_000,
    help: "New sessions that one address may begin in an hour",
  }),
  trustedHops: shared(NODE_OPTIONS.trustedHops, "SWITCHBOARD_TRUSTED_HOPS"),
  maxSocketsPerSession: whole("max-session-sockets", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_SESSION_SOCKETS",
    default: 8,
    min: 1,
    max: 1000,
    help: "WebSockets of one session at once; one more closes the oldest",
  }),
  maxFrameBytes: whole("max-frame", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_FRAME",
    default: 64 * 1024,
    min: 128,
    max: 1024 * 1024,
    help: "Largest frame of a client, in bytes",
  }),
  maxBodyBytes: whole("max-body", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_BODY",
    default: 256 * 1024,
    min: 128,
    max: 1024 * 1024,
    help: "Largest body of a request, in bytes",
  }),
  messagesPerSecond: whole("rate", {
    ...LIMITS,
    variable: "SWITCHBOARD_RATE",
    default: 10,
    min: 1,
    max: 100_000,
    help: "Messages per second of one WebSocket; faster ones wait",
  }),
  burstMessages: whole("burst", {
    ...LIMITS,
    variable: "SWITCHBOARD_BURST",
    default: 30,
    min: 1,
    max: 100_000,
    help: "Messages that one WebSocket may send at once",
  }),
  maxRemembered: whole("max-remembered", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_REMEMBERED",
    default: 500_000,
    min: 1,
    max: 10_000_000,
    help: "Requests of the back end to remember for 15 to 30 minutes, against replays",
  }),
  publishTimeoutMs: whole("publish-timeout", {
    ...CLUSTER,
    variable: "SWITCHBOARD_PUBLISH_TIMEOUT",
    default: 5000,
    min: 1,
    max: 60_000,
    help: "Time limit of storing a message, in ms",
  }),
  heartbeatMs: whole("heartbeat-interval", {
    ...NODE,
    variable: "SWITCHBOARD_HEARTBEAT_INTERVAL",
    default: 25_000,
    min: 20,
    max: DAY_MS,
    help: "Time between pings, in ms",
  }),
  drainTimeoutMs: shared(NODE_OPTIONS.drainTimeoutMs, "SWITCHBOARD_DRAIN_TIMEOUT"),
  adminKey: secret("admin-key", {
    ...CLUSTER,
    variable: "SHARDCAST_ADMIN_KEY",
    help: "The cluster's admin key, which the switchboard needs to create its push subscription",
  }),
  logLevel: shared(NODE_OPTIONS.logLevel, "SWITCHBOARD_LOG_LEVEL"),
};

function nodeUrlOf(entry: string, label: string): string {
  const url = entry.replace(/^[\w.:-]+=/, "");
  if (URL.canParse(url)) return url;
  throw optionInvalid(`${label}: ${url} is not ws(s)://host:port`);
}

function httpUrlOf(url: string, label: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
  throw optionInvalid(`${label} ${url} is not an http(s) URL`);
}
