// The switchboard's options: names, environment variables, defaults and units. The variables keep the original's names.
import { NODE_OPTIONS, list, onOff, optionInvalid, secret, text, whole } from "@shardcast/options";

const DAY_S = 24 * 60 * 60;
const DAY_MS = DAY_S * 1000;
const NODE = { group: "Node" } as const;
const CLUSTER = { group: "Cluster" } as const;
const BACK_END = { group: "Back end" } as const;
const SESSIONS = { group: "Sessions" } as const;
const LIMITS = { group: "Limits" } as const;

/** Returns a row of the nodes with another variable. */
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
      help: "Consumer nodes of the cluster, separated by commas; the nodes' own list (c1=ws://…) is accepted too",
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
    help: "The secret that signs the back end's requests, and deliveries to the back end",
  }),
  accessId: text("access-id", {
    ...BACK_END,
    variable: "CONCIERGE_ACCESS_ID",
    shownDefault: "any",
    help: "The only access id that the back end may use",
  }),
  secret: secret("secret", {
    ...SESSIONS,
    variable: "SWITCHBOARD_SECRET_KEY",
    isRequired: true,
    help: "The secret that seals sessions, the same on all nodes",
  }),
  previousSecret: secret("secret-previous", {
    ...SESSIONS,
    variable: "SWITCHBOARD_SECRET_KEY_PREVIOUS",
    help: "A second secret whose sessions are accepted, for changing secrets",
  }),
  sessionLifetimeS: whole("session-lifetime", {
    ...SESSIONS,
    variable: "SWITCHBOARD_SESSION_LIFETIME",
    default: 30 * DAY_S,
    min: 1,
    max: 3650 * DAY_S,
    help: "How long an unused session is valid, in s",
  }),
  areClientSessionsTaken: onOff("client-sessions", {
    ...SESSIONS,
    variable: "SWITCHBOARD_CLIENT_SESSIONS",
    help: "Also accept random UUIDs as sessions, which clients of the original create",
  }),
  origins: list("origins", {
    ...LIMITS,
    variable: "SWITCHBOARD_ORIGINS",
    shownDefault: "all",
    help: "Origins whose pages may open WebSockets, separated by commas",
  }),
  maxSockets: whole("max-sockets", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_SOCKETS",
    default: 10_000,
    min: 1,
    max: 1_000_000,
    help: "Maximum number of open WebSockets",
  }),
  maxSocketsPerAddress: whole("max-address-sockets", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_ADDRESS_SOCKETS",
    default: 1000,
    min: 1,
    max: 1_000_000,
    help: "Maximum number of open WebSockets of one address",
  }),
  maxSessionsPerAddress: whole("max-address-sessions", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_ADDRESS_SESSIONS",
    default: 1000,
    min: 1,
    max: 1_000_000,
    help: "Maximum number of new sessions of one address per hour",
  }),
  trustedHops: shared(NODE_OPTIONS.trustedHops, "SWITCHBOARD_TRUSTED_HOPS"),
  maxSocketsPerSession: whole("max-session-sockets", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_SESSION_SOCKETS",
    default: 8,
    min: 1,
    max: 1000,
    help: "Maximum number of open WebSockets of one session; a further one closes the oldest",
  }),
  maxFrameBytes: whole("max-frame", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_FRAME",
    default: 64 * 1024,
    min: 128,
    max: 1024 * 1024,
    help: "Maximum size of a client's frame, in bytes",
  }),
  maxBodyBytes: whole("max-body", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_BODY",
    default: 256 * 1024,
    min: 128,
    max: 1024 * 1024,
    help: "Maximum size of a request's body, in bytes",
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
    help: "Messages of one WebSocket that may exceed the rate at once",
  }),
  maxRemembered: whole("max-remembered", {
    ...LIMITS,
    variable: "SWITCHBOARD_MAX_REMEMBERED",
    default: 500_000,
    min: 1,
    max: 10_000_000,
    help: "Maximum number of back-end requests remembered for 15 to 30 minutes, against replays",
  }),
  publishTimeoutMs: whole("publish-timeout", {
    ...CLUSTER,
    variable: "SWITCHBOARD_PUBLISH_TIMEOUT",
    default: 5000,
    min: 1,
    max: 60_000,
    help: "How long storing a message may take, in ms",
  }),
  heartbeatMs: whole("heartbeat-interval", {
    ...NODE,
    variable: "SWITCHBOARD_HEARTBEAT_INTERVAL",
    default: 25_000,
    min: 20,
    max: DAY_MS,
    help: "Interval between pings, in ms",
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
