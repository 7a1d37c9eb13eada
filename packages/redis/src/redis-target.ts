// The Redis that --redis names: one server, a group watched by Sentinel, or a cluster.
import { optionInvalid } from "@shardcast/options";

interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisTarget {
  readonly type: "single" | "sentinel" | "cluster";
  /** The server's address, or those of some Sentinels, or those of some nodes of the cluster. */
  readonly addresses: readonly RedisAddress[];
  /** The name of the group in the Sentinels' configuration; empty for the other types. */
  readonly group: string;
  readonly database: number;
  readonly isTls: boolean;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const PORTS = { single: 6379, sentinel: 26_379, cluster: 6379 } as const;
const FORMS =
  "redis://[user:password@]host[:port][/database], redis+sentinel://host[:port],…/group or " +
  "redis+cluster://host[:port],…; rediss for TLS";
const SHAPE = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^@/]+)(?:\/(.*))?$/;

/** @throws SHARDCAST_OPTION_INVALID, without the option's value, which may contain a password */
export function parseRedisTarget(value: string): RedisTarget {
  const found = SHAPE.exec(value);
  if (found === null) throw optionInvalid(`--redis is ${FORMS}`);
  const [, scheme, kind, credentials = "", hosts = "", path = ""] = found;
  const type = kind === "sentinel" || kind === "cluster" ? kind : "single";
  const addresses = hosts.split(",").map((text) => parseAddress(text, PORTS[type]));
  if (type === "single" && addresses.length > 1) {
    throw optionInvalid("--redis: several servers are a redis+cluster:// or a redis+sentinel://");
  }
  if (type === "sentinel" && path === "") {
    throw optionInvalid("--redis: a redis+sentinel:// ends with the name of the group");
  }
  return {
    type,
    addresses,
    group: type === "sentinel" ? path : "",
    database: type === "single" ? parseDatabase(path) : 0,
    isTls: scheme === "rediss",
    ...parseCredentials(credentials),
  };
}

function parseAddress(text: string, defaultPort: number): RedisAddress {
  const url = URL.canParse(`tcp://${text}`) ? new URL(`tcp://${text}`) : undefined;
  if (url === undefined || url.hostname === "") throw optionInvalid(`--redis is ${FORMS}`);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return { host, port: url.port === "" ? defaultPort : Number(url.port) };
}

function parseDatabase(path: string): number {
  if (!/^\d{0,5}$/.test(path)) throw optionInvalid("--redis: a database is a number");
  return Number(path);
}

function parseCredentials(text: string): Pick<RedisTarget, "username" | "password"> {
  if (text === "") return { username: undefined, password: undefined };
  const at = text.indexOf(":");
  const [username, password] = at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  const decoded = [username, password].map(decode);
  return { username: decoded[0] === "" ? undefined : decoded[0], password: decoded[1] };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw optionInvalid("--redis: a user's name or password is not percent-encoded");
  }
}
