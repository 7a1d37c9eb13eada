// Whose shares of a node something counts against: a user's, and those of an address.
import { addressGroup } from "@shardcast/process";

/** Who counts: a user, or nobody (""), and the client's address. */
export interface Client {
  readonly user: string;
  readonly address: string;
}

/** Who has the pre-shared key, or an API key, speaks for others: it counts against nobody. */
export function holdersOf(client: Client | undefined): readonly string[] {
  if (client === undefined) return [];
  const { user, address } = client;
  return user === "" ? [addressHolder(address)] : [addressHolder(address), `=${user}`];
}

/** A user is told from an address by what it begins with. */
export function addressHolder(address: string): string {
  return `@${addressGroup(address)}`;
}
