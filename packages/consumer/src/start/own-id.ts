// Which entry of --consumers this machine is, by address and port: what the replicas of a service in a
// container cluster have to find out, being started with the same options (docker/entrypoint.js).
import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { optionInvalid } from "@shardcast/options";
import type { RingMember } from "@shardcast/protocol";

/** The id that is no name: the node finds out which entry is its own. */
export const AUTO_ID = "auto";

/** What is asked of the machine that the consumer runs on. */
export interface Machine {
  /** Its own addresses. */
  readonly addresses: () => readonly string[];
  /** The addresses of a host. Rejects where it has none. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
}

/**
 * The id of the member whose port is this one and whose host is this machine.
 * @throws SHARDCAST_OPTION_INVALID where there is none
 */
export async function ownId(
  members: readonly RingMember[],
  port: number,
  machine: Machine = THIS_MACHINE,
): Promise<string> {
  const own = new Set(machine.addresses());
  const candidates = members.filter(({ url }) => portOf(new URL(url)) === port);
  try {
    // The first that fits: names of members that are not up yet may take long to resolve.
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

/** A URL has brackets around an IPv6 address, the resolver wants none. */
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
