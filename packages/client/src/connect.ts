// The way in: options in, a usable client out.
import { createKeys } from "#platform";
import { Client } from "./client.ts";
import { readOptions, type ConnectOptions } from "./options.ts";
import { PLATFORM_RUNTIME } from "./runtime.ts";

/**
 * Connects to a cluster; resolves when the client can be used. From then on it stays connected by
 * itself until it is closed, or until a node ends a link for a reason that no retry can mend.
 * @throws SHARDCAST_HANDSHAKE_FAILED where the keys differ, SHARDCAST_TIMEOUT where no link is open
 * within `connectTimeoutMs` (`cause` tells the last failure), SHARDCAST_KEY_MISSING,
 * SHARDCAST_OPTION_INVALID, or the code with which a node refuses
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  return Client.open(readOptions(options), createKeys(options.psk), PLATFORM_RUNTIME);
}
