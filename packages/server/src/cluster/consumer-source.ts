// Where a node gets the list of consumers, as --consumers names it: a fixed list, a file that may
// change, or the addresses of a host name.
import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { optionInvalid } from "@shardcast/options";
import { Outage } from "@shardcast/process";
import type { RingMember } from "@shardcast/protocol";
import type { Logger } from "pino";
import { parseConsumers } from "./consumer-list.ts";
import type { Membership } from "./membership.ts";

/** How often the file is read, or the host name is resolved. */
const POLL_MS = 1000;
const FILE = "file:";

export type ConsumerSource =
  | { readonly type: "redis" }
  | { readonly type: "list"; readonly members: readonly RingMember[] }
  | { readonly type: "file"; readonly path: string }
  | { readonly type: "dns"; readonly host: string; readonly port: number };

/** The members that a source has given so far, and how to follow its changes. */
export interface OpenedConsumers {
  readonly members: readonly RingMember[];
  /** Undefined if the node recognizes itself by its id. */
  readonly isSelf: ((member: RingMember) => boolean) | undefined;
  /** Keeps a membership up to date, as long as the process lives. */
  readonly follow: (membership: Membership, logger: Logger) => void;
}

/**
 * Parses `c1=ws://host:9100,…`, `file:<path>`, or `dns://<host>:<port>`. If undefined, the
 * consumers are in Redis.
 * @throws SHARDCAST_OPTION_INVALID
 */
export function parseConsumerSource(value: string | undefined): ConsumerSource {
  if (value === undefined) return { type: "redis" };
  if (value.startsWith(FILE)) return { type: "file", path: value.slice(FILE.length) };
  if (!value.startsWith("dns:")) return { type: "list", members: parseConsumers(value) };
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const port = Number(url?.port ?? "");
  if (url === undefined || url.hostname === "" || port === 0 || !/^\/?$/.test(url.pathname)) {
    throw optionInvalid(`--consumers: ${value} is not dns://<host>:<port>`);
  }
  return { type: "dns", host: url.hostname, port };
}

/**
 * @param ownPort with `dns`, a member with this port and one of the node's own addresses is this
 * node
 * @throws SHARDCAST_OPTION_INVALID if a file has no valid list
 */
export async function openConsumers(
  source: ConsumerSource,
  ownPort: number,
): Promise<OpenedConsumers> {
  switch (source.type) {
    case "redis":
      // The consumer and producer read the members from Redis themselves.
      return { members: [], isSelf: undefined, follow: () => undefined };
    case "list":
      return { members: source.members, isSelf: undefined, follow: () => undefined };
    case "file":
      return openFile(source.path);
    case "dns":
      return openDns(source.host, source.port, ownPort);
  }
}

async function openFile(path: string): Promise<OpenedConsumers> {
  return {
    members: await readList(path),
    isSelf: undefined,
    // The file is polled, not watched: a mounted file may be a symbolic link that is pointed
    // elsewhere.
    follow: (membership, logger) => {
      follow({ read: () => readList(path), wasThere: true }, membership, logger);
    },
  };
}

/** One consumer per line, or several with commas; text after a # is a comment. */
async function readList(path: string): Promise<RingMember[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "";
    throw optionInvalid(`--consumers file:${path} cannot be read: ${why}`);
  }
  const lines = text.split(/\r?\n/).map((line) => line.replace(/(^|\s)#.*$/, ""));
  return parseConsumers(lines.join(","));
}

async function openDns(host: string, port: number, ownPort: number): Promise<OpenedConsumers> {
  const own = new Set(ownAddresses().map((address) => memberAt(address, ownPort).id));
  // When a cluster starts, the name may have no addresses yet.
  const members = await resolve(host, port).catch(() => []);
  return {
    members,
    isSelf: ({ id }) => own.has(id),
    follow: (membership, logger) => {
      const wasThere = members.length > 0;
      follow({ read: () => resolve(host, port), wasThere }, membership, logger);
    },
  };
}

async function resolve(host: string, port: number): Promise<RingMember[]> {
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))].map((one) => memberAt(one, port));
}

/** A source that is polled. */
interface FollowedSource {
  readonly read: () => Promise<RingMember[]>;
  /** Whether the first read succeeded. */
  readonly wasThere: boolean;
}

/**
 * Polls a source. A list that is unavailable or invalid leaves the ring as it is, and is logged
 * once.
 */
function follow(followed: FollowedSource, membership: Membership, logger: Logger): void {
  const { read, wasThere } = followed;
  const [begins, ends] = ["the consumers stay as they were", "the consumers are known again"];
  const outage = new Outage({ logger, begins, ends, wasThere });
  const adopt = async (): Promise<void> => {
    try {
      const isChanged = membership.update(await read());
      if (isChanged) logger.info({ consumers: membership.members }, "the consumers are others now");
      outage.ended();
    } catch (error) {
      outage.failed(error instanceof Error ? error.message : String(error));
    }
  };
  setInterval(() => void adopt(), POLL_MS).unref();
}

/** A resolved member has no name, so its address is its id. */
function memberAt(address: string, port: number): RingMember {
  const host = address.includes(":") ? `[${address}]` : address;
  return { id: `${address}:${port}`, url: `ws://${host}:${port}` };
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .map(({ address }) => address);
}
