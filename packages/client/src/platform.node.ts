// The SDK's platform functions in Node: a WebSocket class, and the proof with a pre-shared key.
import { WebSocket as NodeWebSocket } from "ws";
import { ShardcastError } from "@shardcast/protocol";
import { PskKeys } from "@shardcast/protocol/proof";
import type { CredentialSource } from "./credential-source.ts";
import { KeySource } from "./key-source.ts";

/** Large enough for a page of messages in one WebSocket message; limits the memory that a node can make the client use. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
/** How long a node may take to answer a close before the socket is destroyed, in ms. */
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

// `ws` implements the part of the DOM's interface that the SDK uses.
export const WebSocket = PlatformWebSocket as unknown as typeof globalThis.WebSocket;

/** Number of bytes received over a socket, including incomplete messages. */
export function receivedBytes(socket: unknown): number {
  const { _socket: tcp } = socket as { readonly _socket?: { readonly bytesRead: number } | null };
  return tcp?.bytesRead ?? 0;
}

/** @throws SHARDCAST_KEY_MISSING if the key is empty or undefined */
export function createKeySource(psk: string | undefined): CredentialSource {
  if (psk === undefined || psk === "") {
    throw new ShardcastError("SHARDCAST_KEY_MISSING", "give psk, token or getToken");
  }
  return new KeySource(new PskKeys(psk));
}
