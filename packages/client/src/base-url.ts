// Converts a node's address between its WebSocket and HTTP forms. Endpoints are paths below the address, so a node
// can be behind any path prefix of a proxy.
import { ShardcastError } from "@shardcast/protocol";

const WEBSOCKET_SCHEMES = new Map([
  ["http:", "ws:"],
  ["https:", "wss:"],
  ["ws:", "ws:"],
  ["wss:", "wss:"],
]);

/**
 * Returns the address as `ws(s)://host:port`, without a trailing slash.
 * @throws SHARDCAST_OPTION_INVALID if the text is not the address of a node
 */
export function baseUrl(text: string): string {
  const url = parse(text);
  const scheme = WEBSOCKET_SCHEMES.get(url?.protocol ?? "");
  if (url === undefined || scheme === undefined) {
    throw new ShardcastError(
      "SHARDCAST_OPTION_INVALID",
      `"${text}" is not the address of a node: it must be http(s)://host:port or ws(s)://host:port`,
    );
  }
  return `${scheme}//${url.host}${url.pathname.replace(/\/+$/, "")}`;
}

/** Whether a base URL uses TLS. */
export function isTls(base: string): boolean {
  return base.startsWith("wss:");
}

/** Returns the same address for HTTP. */
export function httpUrl(base: string): string {
  return base.replace(/^ws/, "http");
}

function parse(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
