// What the SDK takes from a browser: its WebSocket. A browser holds no pre-shared key.
import { ShardcastError, type HandshakeKeys } from "@shardcast/protocol";

export const WebSocket = globalThis.WebSocket;

/** A browser does not tell. */
export function receivedBytes(): number {
  return 0;
}

/** @throws SHARDCAST_KEY_MISSING, SHARDCAST_OPTION_INVALID: whoever loads the page could read the key */
export function createKeys(psk: string | undefined): HandshakeKeys {
  if (psk === undefined)
    throw new ShardcastError("SHARDCAST_KEY_MISSING", "give token or getToken");
  throw new ShardcastError(
    "SHARDCAST_OPTION_INVALID",
    "psk does not belong in a browser: whoever loads the page could read it",
  );
}
