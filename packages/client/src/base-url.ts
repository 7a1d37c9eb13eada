// A node's address in the two forms in which it is used. Endpoints are paths below it, so that a node
// can sit under any prefix of a proxy.
import { ShardcastError } from "@shardcast/protocol";

const WEBSOCKET_SCHEMES = new Map([
  ["http:", "ws:"],
  ["https:", "wss:"],
  ["ws:", "ws:"],
  ["wss:", "wss:"],
]);

/**
 * `ws(s)://host:port`, without a slash at the end.
 * @throws SHARDCAST_OPTION_INVALID where the text is not the address of a node
 */
export function baseUrl(text: string): string {
  const url = parse(text);
  const scheme = WEBSOCKET_SCHEMES.get(url?.protocol ?? "");
  if (url === undefined || scheme === undefined) {
    throw new ShardcastError(
      "SHARDCAST_OPTION_INVALID",
      `"${text}" is not the address of a node: http(s)://host:port or ws(s)://host:port is`,
    );
  }
  return `${scheme}//${url.host}${url.pathname.replace(/\/+$/, "")}`;
}

/** Whether a base URL goes by TLS. */
export function isTls(base: string): boolean {
  return base.startsWith("wss:");
}

/** The same address for HTTP. */
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
