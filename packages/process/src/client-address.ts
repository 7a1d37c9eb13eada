// Who is at the other end of a connection, through as many proxies as are trusted.
import { isIPv4, isIPv6 } from "node:net";
import type { IncomingHttpHeaders } from "node:http";

const MAPPED_IPV4 = "::ffff:";
/** Some proxies add the port. */
const WITH_PORT = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/;
const HEXTETS = 8;
/** What a provider hands to one subscriber: 64 bits. */
const PREFIX_HEXTETS = 4;

/**
 * The client's address: the one that connected, or the one that the outermost trusted proxy has added to
 * X-Forwarded-For. A client can write that header, too; what it wrote stands further to the left.
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
  // A proxy that adds nothing is the client, as far as is known.
  return isIPv4(address) || isIPv6(address) ? plain(address) : plain(socketAddress);
}

/** What counts as one client: an IPv4 address, or the 64 bits in front of an IPv6 address. */
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
