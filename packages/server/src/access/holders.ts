// The holders against whose shares of a node a client's use counts: its user and its address.
import { addressGroup } from "@shardcast/process";

/** The user ("" for an anonymous client) and the client's address. */
export interface HolderFields {
  readonly user: string;
  readonly address: string;
}

/**
 * A client with the pre-shared key or an API key acts for others, so its use counts against no
 * holder.
 */
export function holdersOf(client: HolderFields | undefined): readonly string[] {
  if (client === undefined) return [];
  const { user, address } = client;
  return user === "" ? [addressHolder(address)] : [addressHolder(address), `=${user}`];
}

/** The first character distinguishes addresses from users. */
export function addressHolder(address: string): string {
  return `@${addressGroup(address)}`;
}
