// Which addresses a webhook may be sent to: public ones, and those that somebody allowed by name. What is public is
// told by the registries of special addresses (RFC 6890), and by what is known of the clouds.
import { BlockList, isIP } from "node:net";
import { ShardcastError } from "@shardcast/protocol";

/** IANA's IPv4 special-purpose address registry, and one address that only looks public. */
const NOT_PUBLIC_IPV4 = [
  "0.0.0.0/8", // this host, this network
  "10.0.0.0/8", // private
  "100.64.0.0/10", // between a carrier and its customers
  "127.0.0.0/8", // loopback
  "168.63.129.16/32", // what a machine of Azure asks about itself
  "169.254.0.0/16", // link-local; 169.254.169.254 is what most clouds' machines ask about themselves
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // relays of 6to4
  "192.168.0.0/16", // private
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, and broadcast
];

/** All that IANA has given out as global unicast so far. What is not in it is not public. */
const GLOBAL_IPV6 = "2000::/3";
/** And of that, what the registry of special addresses takes out again. */
const NOT_PUBLIC_IPV6 = [
  "2001::/23", // protocol assignments; Teredo, benchmarks and ORCHID among them
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4, which hides an IPv4 address
  "3fff::/20", // documentation
];

/** An IPv4 address behind these is what is connected to: mapped (RFC 4291), and translated by NAT64 (RFC 6052). */
const IPV4_PREFIXES = ["::ffff:", "64:ff9b::"];
const IPV4_PREFIX_BITS = 96;

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** Tells which hosts and addresses may be connected to. */
export class AddressGuard {
  readonly #notPublic = listOf([...NOT_PUBLIC_IPV4, ...NOT_PUBLIC_IPV6].map(parseRange));
  readonly #global = listOf([parseRange(GLOBAL_IPV6)]);
  readonly #allowed: BlockList;
  readonly #allowedHosts: ReadonlySet<string>;

  /**
   * @param allow what may be reached although it is not public: addresses (`::1`), ranges (`10.1.0.0/16`) and
   * host names (`hooks.internal`: that name only, wherever it leads)
   * @throws SHARDCAST_OPTION_INVALID where an entry is none of these
   */
  constructor(allow: readonly string[] = []) {
    const entries = allow.map((text) => ({ text, range: allowedRange(text) }));
    this.#allowed = listOf(entries.flatMap(({ range }) => (range === undefined ? [] : [range])));
    this.#allowedHosts = new Set(
      entries.flatMap(({ text, range }) => (range === undefined ? [hostName(text)] : [])),
    );
    for (const prefix of IPV4_PREFIXES) {
      this.#global.addSubnet(`${prefix}0.0.0.0`, IPV4_PREFIX_BITS, "ipv6");
    }
  }

  /** Whether an address, in any spelling but with no brackets, may be connected to. What is no address may not. */
  isAllowedAddress(address: string): boolean {
    const [bare = ""] = address.split("%");
    const family = familyOf(bare);
    if (family === undefined) return false;
    if (this.#allowed.check(bare, family)) return true;
    // Not for IPv4: a range of mapped addresses would hold all of it.
    if (family === "ipv6" && !this.#global.check(bare, family)) return false;
    return !this.#notPublic.check(bare, family);
  }

  /** Whether a host name was allowed, wherever it leads. */
  isAllowedHost(host: string): boolean {
    return this.#allowedHosts.has(withoutDot(host.toLowerCase()));
  }
}

interface Range {
  readonly address: string;
  readonly family: "ipv4" | "ipv6";
  readonly bits: number;
}

function listOf(ranges: readonly Range[]): BlockList {
  const list = new BlockList();
  for (const { address, family, bits } of ranges) {
    list.addSubnet(address, bits, family);
    if (family === "ipv6") continue;
    for (const prefix of IPV4_PREFIXES) {
      list.addSubnet(prefix + address, IPV4_PREFIX_BITS + bits, "ipv6");
    }
  }
  return list;
}

function parseRange(text: string): Range {
  const range = rangeOf(text);
  if (range === undefined) throw allowInvalid(text);
  return range;
}

/** Undefined where the text says to be a host name. */
function allowedRange(text: string): Range | undefined {
  const range = rangeOf(text);
  if (range === undefined && text.includes("/")) throw allowInvalid(text);
  return range;
}

function rangeOf(text: string): Range | undefined {
  const [address = "", bitsText, ...rest] = text.split("/");
  const family = familyOf(address);
  if (family === undefined || rest.length > 0) return undefined;
  const maxBits = family === "ipv4" ? 32 : 128;
  if (bitsText === undefined) return { address, family, bits: maxBits };
  const bits = /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : Infinity;
  return bits <= maxBits ? { address, family, bits } : undefined;
}

function hostName(text: string): string {
  const name = withoutDot(text.toLowerCase());
  // A name that ends in a number is read as an IPv4 address wherever there are URLs.
  if (!HOST_NAME.test(name) || /(^|\.)(\d+|0x[\da-f]*)$/.test(name)) throw allowInvalid(text);
  return name;
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  const version = isIP(address);
  if (version === 0 || address.includes("%")) return undefined;
  return version === 4 ? "ipv4" : "ipv6";
}

function withoutDot(host: string): string {
  return host.endsWith(".") ? host.slice(0, -1) : host;
}

function allowInvalid(text: string): ShardcastError {
  const detail = `${JSON.stringify(text)} is no address, no range and no host name to allow`;
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
