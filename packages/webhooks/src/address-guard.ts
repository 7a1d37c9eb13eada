// Decides which addresses webhooks may be sent to: public ones, and those that an option allows. Which addresses are
// public follows from the registries of special addresses (RFC 6890) and from known cloud addresses.
import { BlockList, isIP } from "node:net";
import { ShardcastError } from "@shardcast/protocol";

/** IANA's IPv4 special-purpose address registry, and one cloud address outside it. */
const NOT_PUBLIC_IPV4 = [
  "0.0.0.0/8", // this host, this network
  "10.0.0.0/8", // private
  "100.64.0.0/10", // carrier-grade NAT
  "127.0.0.0/8", // loopback
  "168.63.129.16/32", // metadata of Azure's machines
  "169.254.0.0/16", // link-local; most clouds serve metadata at 169.254.169.254
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // 6to4 relays
  "192.168.0.0/16", // private
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, and broadcast
];

/** The range that IANA assigns as global unicast at present. Other addresses are not public. */
const GLOBAL_IPV6 = "2000::/3";
/** Ranges within it that the registry of special addresses excludes. */
const NOT_PUBLIC_IPV6 = [
  "2001::/23", // protocol assignments, including Teredo, benchmarks and ORCHID
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4, which embeds an IPv4 address
  "3fff::/20", // documentation
];

/** Prefixes that embed the IPv4 address that is actually reached: mapped (RFC 4291) and NAT64 (RFC 6052). */
const IPV4_PREFIXES = ["::ffff:", "64:ff9b::"];
const IPV4_PREFIX_BITS = 96;

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** Decides which hosts and addresses may be connected to. */
export class AddressGuard {
  readonly #notPublic = listOf([...NOT_PUBLIC_IPV4, ...NOT_PUBLIC_IPV6].map(parseRange));
  readonly #global = listOf([parseRange(GLOBAL_IPV6)]);
  readonly #allowed: BlockList;
  readonly #allowedHosts: ReadonlySet<string>;

  /**
   * @param allow targets that are allowed although they are not public: addresses (`::1`), ranges (`10.1.0.0/16`) and
   * host names (`hooks.internal`: exactly this name, whatever it resolves to)
   * @throws SHARDCAST_OPTION_INVALID if an entry is none of these
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

  /** Whether an address, in any notation but without brackets, may be connected to. False if it is not an address. */
  isAllowedAddress(address: string): boolean {
    const [bare = ""] = address.split("%");
    const family = familyOf(bare);
    if (family === undefined) return false;
    if (this.#allowed.check(bare, family)) return true;
    // Only for IPv6: a range of mapped addresses would contain all of IPv4.
    if (family === "ipv6" && !this.#global.check(bare, family)) return false;
    return !this.#notPublic.check(bare, family);
  }

  /** Whether `allow` contains a host name. */
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

/** Returns undefined if the text may be a host name. */
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
  // URLs treat a name that ends in a number as an IPv4 address.
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
  const detail = `${JSON.stringify(text)} is not an address, an address range or a host name`;
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
