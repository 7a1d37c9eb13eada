// What the SDK takes from Node: a WebSocket class, and the proof of a pre-shared key.
import { WebSocket as NodeWebSocket } from "ws";
import { ShardcastError, type HandshakeKeys } from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";

/** A page of messages may come as one WebSocket message; a node is trusted, but not with all of the memory. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** How long a node may take to answer a close before the socket is cut. */
const CLOSE_TIMEOUT_MS = 1000;

class PlatformWebSocket extends NodeWebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    // closeTimeout is not in the published types yet.
    const options = {
      perMessageDeflate: false,
      maxPayload: MAX_MESSAGE_BYTES,
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    super(url, protocols, options);
  }
}

// `ws` follows the DOM's interface in all that the SDK uses of it.
export const WebSocket = PlatformWebSocket as unknown as typeof globalThis.WebSocket;

/** Bytes that have come over a socket, those of a message that is not whole as well. */
export function receivedBytes(socket: unknown): number {
  const { _socket: tcp } = socket as { readonly _socket?: { readonly bytesRead: number } | null };
  return tcp?.bytesRead ?? 0;
}

/** @throws SHARDCAST_KEY_MISSING where the key is empty, or, in JavaScript, not there at all */
export function createKeys(psk: string | undefined): HandshakeKeys {
  if (psk === undefined || psk === "") {
    throw new ShardcastError("SHARDCAST_KEY_MISSING", "give psk, token or getToken");
  }
  return new PskKeys(psk);
}
