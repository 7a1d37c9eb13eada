// What the SDK takes from a browser: its WebSocket. A browser holds no pre-shared key.
import { ShardcastError, type Keys } from "@shardcast/protocol";

export const WebSocket = globalThis.WebSocket;

/** @throws SHARDCAST_OPTION_INVALID always: whoever loads the page could read the key */
export function createKeys(_psk: string): Keys {
  throw new ShardcastError(
    "SHARDCAST_OPTION_INVALID",
    "psk does not belong in a browser: whoever loads the page could read it",
  );
}
