// Whose shares of a node something counts against: a user's, and those of an address.
import { addressGroup } from "@shardcast/process";
import type { LinkAccess } from "./link-access.ts";

/** Who has the pre-shared key, or an API key, speaks for others: it counts against nobody. */
export function holdersOf(access: LinkAccess | undefined): readonly string[] {
  if (access === undefined) return [];
  const { user, address } = access;
  return user === "" ? [addressHolder(address)] : [addressHolder(address), `=${user}`];
}

/** A user is told from an address by what it begins with. */
export function addressHolder(address: string): string {
  return `@${addressGroup(address)}`;
}
