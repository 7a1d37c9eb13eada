// The switchboard's options: names, environment variables, defaults and units.
import type { Options } from "yargs";

/** An option in the form of yargs, which also generates the help from it. */
export interface OptionEntry extends Options {
  /** The environment variable that sets it. */
  readonly variable: string;
}

const NUMBER = { type: "number" } as const;
const TEXT = { type: "string" } as const;

/** By the name on the command line. */
export const OPTIONS = {
  host: {
    ...TEXT,
    variable: "SWITCHBOARD_HOST",
    default: "127.0.0.1",
    describe: "Address to listen on: 0.0.0.0 or :: for all networks of this machine",
  },
  port: { ...NUMBER, variable: "SWITCHBOARD_PORT", default: 5555, describe: "Port to listen on" },
  producers: {
    ...TEXT,
    variable: "SHARDCAST_PRODUCERS",
    default: "ws://127.0.0.1:9000,ws://127.0.0.1:9001",
    describe: "Producer nodes of the cluster, separated by commas",
  },
  consumers: {
    ...TEXT,
    variable: "SHARDCAST_CONSUMERS",
    default: "ws://127.0.0.1:9100,ws://127.0.0.1:9101",
    describe:
      "Consumer nodes, separated by commas; the nodes' own list (c1=ws://…) is accepted too",
  },
  psk: { ...TEXT, variable: "PSK", describe: "The cluster's pre-shared key" },
  "psk-file": {
    ...TEXT,
    variable: "SHARDCAST_PSK_FILE",
    describe: "A file whose first line is the key",
  },
  "concierge-url": {
    ...TEXT,
    variable: "CONCIERGE_URL",
    describe: "The back end, with or without /incoming/postback",
  },
  "postback-secret": {
    ...TEXT,
    variable: "CONCIERGE_POSTBACK_SECRET_KEY",
    describe: "The secret that signs the back end's requests, and deliveries to the back end",
  },
  "access-id": {
    ...TEXT,
    variable: "CONCIERGE_ACCESS_ID",
    describe: "The only access id that the back end may use (default: any)",
  },
  secret: {
    ...TEXT,
    variable: "SWITCHBOARD_SECRET_KEY",
    describe: "The secret that seals sessions, the same on all nodes",
  },
  "secret-previous": {
    ...TEXT,
    variable: "SWITCHBOARD_SECRET_KEY_PREVIOUS",
    describe: "A second secret whose sessions are accepted, for changing secrets",
  },
  "session-lifetime": {
    ...NUMBER,
    variable: "SWITCHBOARD_SESSION_LIFETIME",
    default: 30 * 24 * 60 * 60,
    describe: "How long an unused session is valid, in s",
  },
  "client-sessions": {
    type: "boolean",
    variable: "SWITCHBOARD_CLIENT_SESSIONS",
    default: false,
    describe: "Also accept random UUIDs as sessions, which clients of the original create",
  },
  origins: {
    ...TEXT,
    variable: "SWITCHBOARD_ORIGINS",
    describe: "Origins whose pages may open WebSockets, separated by commas (default: all)",
  },
  "max-sockets": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_SOCKETS",
    default: 10_000,
    describe: "Maximum number of open WebSockets",
  },
  "max-address-sockets": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_ADDRESS_SOCKETS",
    default: 1000,
    describe: "Maximum number of open WebSockets of one address",
  },
  "max-address-sessions": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_ADDRESS_SESSIONS",
    default: 1000,
    describe: "Maximum number of new sessions of one address per hour",
  },
  "trusted-hops": {
    ...NUMBER,
    variable: "SWITCHBOARD_TRUSTED_HOPS",
    default: 0,
    describe: "Number of proxies in front that add clients' addresses to X-Forwarded-For",
  },
  "max-session-sockets": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_SESSION_SOCKETS",
    default: 8,
    describe: "Maximum number of open WebSockets of one session; a further one closes the oldest",
  },
  "max-frame": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_FRAME",
    default: 64 * 1024,
    describe: "Maximum size of a client's frame, in bytes",
  },
  "max-body": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_BODY",
    default: 256 * 1024,
    describe: "Maximum size of a request's body, in bytes",
  },
  rate: {
    ...NUMBER,
    variable: "SWITCHBOARD_RATE",
    default: 10,
    describe: "Messages per second of one WebSocket; faster ones wait",
  },
  burst: {
    ...NUMBER,
    variable: "SWITCHBOARD_BURST",
    default: 30,
    describe: "Messages of one WebSocket that may exceed the rate at once",
  },
  "max-remembered": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_REMEMBERED",
    default: 500_000,
    describe:
      "Maximum number of back-end requests remembered for 15 to 30 minutes, against replays",
  },
  "publish-timeout": {
    ...NUMBER,
    variable: "SWITCHBOARD_PUBLISH_TIMEOUT",
    default: 5000,
    describe: "How long storing a message may take, in ms",
  },
  "heartbeat-interval": {
    ...NUMBER,
    variable: "SWITCHBOARD_HEARTBEAT_INTERVAL",
    default: 25_000,
    describe: "Interval between pings, in ms",
  },
  "drain-timeout": {
    ...NUMBER,
    variable: "SWITCHBOARD_DRAIN_TIMEOUT",
    default: 3000,
    describe: "How long the node takes to move its clients when it stops, in ms",
  },
  "admin-key": {
    ...TEXT,
    variable: "SHARDCAST_ADMIN_KEY",
    describe:
      "The cluster's admin key, which the switchboard needs to create its push subscription",
  },
  "log-level": {
    ...TEXT,
    variable: "SWITCHBOARD_LOG_LEVEL",
    default: "info",
    choices: ["trace", "debug", "info", "warn", "error", "silent"],
    describe: "The least severe level that is logged",
  },
} as const satisfies Record<string, OptionEntry>;

export type OptionName = keyof typeof OPTIONS;
