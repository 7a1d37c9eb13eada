// The SDK's platform functions in browsers: the WebSocket class. A browser must not hold the pre-shared key.
import { ShardcastError } from "@shardcast/protocol";
import type { CredentialSource } from "./credential-source.ts";

export const WebSocket = globalThis.WebSocket;

/** Browsers do not report this number. */
export function receivedBytes(): number {
  return 0;
}

/** @throws SHARDCAST_KEY_MISSING, or SHARDCAST_OPTION_INVALID if a key is given: every visitor could read it */
export function createKeySource(psk: string | undefined): CredentialSource {
  if (psk === undefined)
    throw new ShardcastError("SHARDCAST_KEY_MISSING", "give token or getToken");
  throw new ShardcastError(
    "SHARDCAST_OPTION_INVALID",
    "psk must not be used in a browser: every visitor of the page could read it",
  );
}
