// Determines the client's address of a connection, which may come through trusted proxies.
import { isIPv4, isIPv6 } from "node:net";
import type { IncomingHttpHeaders } from "node:http";

const MAPPED_IPV4 = "::ffff:";
/** Some proxies add the port. */
const WITH_PORT = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/;
const HEXTETS = 8;
/** A provider assigns one subscriber a prefix of 64 bits. */
const PREFIX_HEXTETS = 4;

/**
 * Returns the client's address: that of the socket, or the one that the outermost trusted proxy added to
 * X-Forwarded-For. A client can send this header too, but its entries are further to the left.
 * @param trustedHops number of trusted proxies in front of the node
 */
export function clientAddress(
  socketAddress: string,
  headers: IncomingHttpHeaders,
  trustedHops: number,
): string {
  if (trustedHops === 0) return plain(socketAddress);
  const forwarded = String(headers["x-forwarded-for"] ?? "").split(",");
  const added = forwarded[forwarded.length - trustedHops]?.trim() ?? "";
  const [, bracketed, dotted] = WITH_PORT.exec(added) ?? [];
  const address = bracketed ?? dotted ?? added;
  // If the proxy added no address, the proxy counts as the client.
  return isIPv4(address) || isIPv6(address) ? plain(address) : plain(socketAddress);
}

/** Returns what counts as one client: the IPv4 address, or the first 64 bits of an IPv6 address. */
export function addressGroup(address: string): string {
  if (!isIPv6(address)) return address;
  const [left = "", right] = (address.split("%")[0] ?? "").split("::");
  const head = left === "" ? [] : left.split(":");
  const tail = right === undefined || right === "" ? [] : right.split(":");
  const zeros = Math.max(0, HEXTETS - head.length - tail.length);
  const hextets =
    right === undefined ? head : [...head, ...Array<string>(zeros).fill("0"), ...tail];
  return `${hextets
    .slice(0, PREFIX_HEXTETS)
    .map((hextet) => Number.parseInt(hextet, 16).toString(16))
    .join(":")}::/64`;
}

function plain(address: string): string {
  const lower = address.toLowerCase();
  const mapped = lower.startsWith(MAPPED_IPV4) ? lower.slice(MAPPED_IPV4.length) : "";
  return isIPv4(mapped) ? mapped : lower;
}
