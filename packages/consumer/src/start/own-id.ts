// Finds this machine's entry in --consumers by address and port. Replicas of a service in a
// container cluster need this, because they are all started with the same options
// (docker/entrypoint.js).
import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { optionInvalid } from "@shardcast/options";
import type { RingMember } from "@shardcast/protocol";

/** The value of --id with which the node finds its own entry. */
export const AUTO_ID = "auto";

/** The machine that the consumer runs on. */
export interface Machine {
  /** Returns the machine's own addresses. */
  readonly addresses: () => readonly string[];
  /** Returns the addresses of a host. Rejects if it has none. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
}

/**
 * Returns the id of the member with this port whose host is this machine.
 * @throws SHARDCAST_OPTION_INVALID if there is none
 */
export async function ownId(
  members: readonly RingMember[],
  port: number,
  machine: Machine = THIS_MACHINE,
): Promise<string> {
  const own = new Set(machine.addresses());
  const candidates = members.filter(({ url }) => portOf(new URL(url)) === port);
  try {
    // Take the first match: names of members that are not up yet may take long to resolve.
    return await Promise.any(candidates.map((member) => idOfOwn(member, own, machine)));
  } catch (cause) {
    if (!(cause instanceof AggregateError)) throw cause;
    throw notListed(members, port, [...own]);
  }
}

async function idOfOwn(
  { id, url }: RingMember,
  own: ReadonlySet<string>,
  machine: Machine,
): Promise<string> {
  const found = await machine.resolve(hostOf(new URL(url)));
  if (found.some((address) => own.has(address))) return id;
  throw new Error(`${url} is another machine`);
}

function notListed(members: readonly RingMember[], port: number, own: readonly string[]): Error {
  const list = members.map(({ id, url }) => `${id}=${url}`).join(",");
  return optionInvalid(
    `--id auto: no entry of --consumers ${list} is this node, port ${port} at ${own.join(" or ")}: ` +
      "the list has to name every consumer (in docker/compose.yaml: set CONSUMERS to their number)",
  );
}

function portOf({ port, protocol }: URL): number {
  if (port !== "") return Number(port);
  return protocol === "wss:" ? 443 : 80;
}

/** A URL has brackets around an IPv6 address; the resolver accepts none. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, "");
}

const THIS_MACHINE: Machine = {
  addresses: () =>
    Object.values(networkInterfaces())
      .flatMap((entries) => entries ?? [])
      .map(({ address }) => address),
  resolve: async (host) => {
    const found = await lookup(host, { all: true });
    return found.map(({ address }) => address);
  },
};
