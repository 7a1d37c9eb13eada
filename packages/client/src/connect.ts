// Creates a client from options.
import { createKeys } from "#platform";
import { ShardcastError } from "@shardcast/protocol";
import { Client } from "./client.ts";
import { KeySource, TokenSource, type CredentialSource } from "./credentials.ts";
import { readOptions, type ConnectOptions } from "./options.ts";
import { PLATFORM_RUNTIME } from "./runtime.ts";

/**
 * Connects to a cluster. Resolves when the client can be used. The client then stays connected until it is closed,
 * or until a node ends a link for a reason that a retry cannot fix.
 * @throws SHARDCAST_HANDSHAKE_FAILED if the keys differ, SHARDCAST_TOKEN_INVALID, SHARDCAST_TOKEN_EXPIRED,
 * SHARDCAST_TIMEOUT if no link is open within `connectTimeoutMs` (`cause` is the last failure),
 * SHARDCAST_KEY_MISSING, SHARDCAST_OPTION_INVALID, or the code with which a node refuses the client
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  return Client.open(readOptions(options), sourceOf(options), PLATFORM_RUNTIME);
}

function sourceOf({ psk, token, getToken }: ConnectOptions): CredentialSource {
  if ([psk, token, getToken].filter((given) => given !== undefined).length > 1) {
    throw new ShardcastError("SHARDCAST_OPTION_INVALID", "give one of psk, token and getToken");
  }
  const source = token ?? getToken;
  return source === undefined ? new KeySource(createKeys(psk)) : new TokenSource(source);
}
