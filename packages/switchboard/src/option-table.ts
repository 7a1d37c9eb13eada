// What a switchboard can be told, in one table: names, variables of the environment, defaults and units.
import type { Options } from "yargs";

/** An option as yargs reads it and writes the help. */
export interface OptionEntry extends Options {
  /** The variable that it can be given by. */
  readonly variable: string;
}

const NUMBER = { type: "number" } as const;
const TEXT = { type: "string" } as const;

/** By the name that each has on the command line. */
export const OPTIONS = {
  host: {
    ...TEXT,
    variable: "SWITCHBOARD_HOST",
    default: "127.0.0.1",
    describe: "Address to listen on: 0.0.0.0 or :: for every network that this machine is in",
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
    describe: "Consumer nodes, likewise; the nodes' own list (c1=ws://…) will do",
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
    describe:
      "What the back end signs its requests with, and what is delivered to it is signed with",
  },
  "access-id": {
    ...TEXT,
    variable: "CONCIERGE_ACCESS_ID",
    describe: "The only access id that the back end may sign by; any, where it is left out",
  },
  secret: {
    ...TEXT,
    variable: "SWITCHBOARD_SECRET_KEY",
    describe: "What sessions are sealed with, the same on all nodes",
  },
  "secret-previous": {
    ...TEXT,
    variable: "SWITCHBOARD_SECRET_KEY_PREVIOUS",
    describe: "A second one whose sessions are taken as well, while secrets are being changed",
  },
  "session-lifetime": {
    ...NUMBER,
    variable: "SWITCHBOARD_SESSION_LIFETIME",
    default: 30 * 24 * 60 * 60,
    describe: "s for which a session that is not used holds",
  },
  "client-sessions": {
    type: "boolean",
    variable: "SWITCHBOARD_CLIENT_SESSIONS",
    default: false,
    describe: "Take random UUIDs as sessions too, as clients of the original make them",
  },
  origins: {
    ...TEXT,
    variable: "SWITCHBOARD_ORIGINS",
    describe:
      "Origins whose pages may open WebSockets, separated by commas; all, where it is left out",
  },
  "max-sockets": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_SOCKETS",
    default: 10_000,
    describe: "WebSockets at once",
  },
  "max-address-sockets": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_ADDRESS_SOCKETS",
    default: 1000,
    describe: "WebSockets of one address at once",
  },
  "max-address-sessions": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_ADDRESS_SESSIONS",
    default: 1000,
    describe: "New sessions that one address may begin in an hour",
  },
  "trusted-hops": {
    ...NUMBER,
    variable: "SWITCHBOARD_TRUSTED_HOPS",
    default: 0,
    describe:
      "Proxies in front that add to X-Forwarded-For: by it clients' addresses are told apart",
  },
  "max-session-sockets": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_SESSION_SOCKETS",
    default: 8,
    describe: "WebSockets of one session at once; one more closes the oldest",
  },
  "max-frame": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_FRAME",
    default: 64 * 1024,
    describe: "Bytes of a client's frame",
  },
  "max-body": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_BODY",
    default: 256 * 1024,
    describe: "Bytes of a request's body",
  },
  rate: {
    ...NUMBER,
    variable: "SWITCHBOARD_RATE",
    default: 10,
    describe: "Messages a second of one WebSocket; what comes faster waits",
  },
  burst: {
    ...NUMBER,
    variable: "SWITCHBOARD_BURST",
    default: 30,
    describe: "Messages that may come at once",
  },
  "max-remembered": {
    ...NUMBER,
    variable: "SWITCHBOARD_MAX_REMEMBERED",
    default: 500_000,
    describe: "Requests of the back end that are remembered (15 to 30 minutes), against replays",
  },
  "publish-timeout": {
    ...NUMBER,
    variable: "SWITCHBOARD_PUBLISH_TIMEOUT",
    default: 5000,
    describe: "ms that storing a message may take",
  },
  "heartbeat-interval": {
    ...NUMBER,
    variable: "SWITCHBOARD_HEARTBEAT_INTERVAL",
    default: 25_000,
    describe: "ms between pings",
  },
  "drain-timeout": {
    ...NUMBER,
    variable: "SWITCHBOARD_DRAIN_TIMEOUT",
    default: 3000,
    describe: "ms in which clients are moved when the node stops",
  },
  "admin-key": {
    ...TEXT,
    variable: "SHARDCAST_ADMIN_KEY",
    describe: "The cluster's admin key, by which the switchboard makes its push subscription",
  },
  "log-level": {
    ...TEXT,
    variable: "SWITCHBOARD_LOG_LEVEL",
    default: "info",
    choices: ["trace", "debug", "info", "warn", "error", "silent"],
    describe: "What is logged",
  },
} as const satisfies Record<string, OptionEntry>;

export type OptionName = keyof typeof OPTIONS;
