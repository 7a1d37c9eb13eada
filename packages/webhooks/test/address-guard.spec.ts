import { expect } from "chai";
import fc from "fast-check";
import { AddressGuard } from "../src/address-guard.ts";
import { expectOptionInvalid } from "./support.ts";

/** The first and the last address of each range, and a well-known one within it. */
const NOT_PUBLIC = {
  "this network": ["0.0.0.0", "0.255.255.255"],
  private: [
    "10.0.0.0",
    "10.255.255.255",
    "172.16.0.0",
    "172.31.255.255",
    "192.168.0.0",
    "192.168.255.255",
  ],
  "carrier-grade NAT": ["100.64.0.0", "100.127.255.255", "100.100.100.200"],
  loopback: ["127.0.0.0", "127.0.0.1", "127.255.255.255", "::1"],
  "link-local": [
    "169.254.0.0",
    "169.254.169.254",
    "169.254.255.255",
    "fe80::",
    "fe80::1%eth0",
    "febf::1",
  ],
  "protocol assignments": ["192.0.0.0", "192.0.0.192", "192.0.0.255", "2001::", "2001:1ff:ffff::1"],
  documentation: [
    "192.0.2.0",
    "198.51.100.1",
    "203.0.113.255",
    "2001:db8::1",
    "3fff::1",
    "3fff:fff::1",
  ],
  benchmarks: ["198.18.0.0", "198.19.255.255", "2001:2::1"],
  "relays of 6to4": ["192.88.99.1"],
  multicast: ["224.0.0.0", "239.255.255.255", "ff00::", "ff02::1", "ffff::1"],
  reserved: ["240.0.0.0", "255.255.255.254", "4000::1", "::2", "100::1", "5f00::1"],
  broadcast: ["255.255.255.255"],
  "a cloud's own": ["168.63.129.16", "fd00:ec2::254"],
  unspecified: ["::", "0:0:0:0:0:0:0:0"],
  "unique local": ["fc00::", "fd12:3456::1", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  "site-local": ["fec0::1", "feff::1"],
  mapped: ["::ffff:127.0.0.1", "::ffff:7f00:1", "::FFFF:10.0.0.1", "0:0:0:0:0:ffff:a9fe:a9fe"],
  compatible: ["::127.0.0.1", "::7f00:1", "::8.8.8.8"],
  NAT64: [
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::",
    "64:ff9b:1::1",
    "64:ff9b:1::8.8.8.8",
  ],
  "6to4": ["2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:808:808::1"],
  Teredo: ["2001:0:7f00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
  "no address": [
    "",
    "localhost",
    "127.1",
    "0x7f000001",
    "2130706433",
    "1.2.3.4.5",
    "[::1]",
    "8.8.8.8/8",
  ],
};

const PUBLIC = [
  ...["1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0"],
  ...[
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
  ],
  ...["192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255"],
  ...["2606:4700:4700::1111", "2a00:1450::1", "2000::1", "2001:200::1", "2001:4860:4860::8888"],
  ...["::ffff:8.8.8.8", "64:ff9b::8.8.8.8"],
];

describe("AddressGuard", () => {
  const guard = new AddressGuard();

  for (const [kind, addresses] of Object.entries(NOT_PUBLIC)) {
    it(`refuses ${kind}`, () => {
      for (const address of addresses) {
        expect(guard.isAllowedAddress(address), address).to.equal(false);
      }
    });
  }

  it("allows what is public, up to the edges", () => {
    for (const address of PUBLIC) expect(guard.isAllowedAddress(address), address).to.equal(true);
  });

  it("says of an IPv4 address behind a prefix what it says of the address", () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const isAllowed = guard.isAllowedAddress(address);
        expect(guard.isAllowedAddress(`::ffff:${address}`)).to.equal(isAllowed);
        expect(guard.isAllowedAddress(`64:ff9b::${address}`)).to.equal(isAllowed);
        expect(guard.isAllowedAddress(`::${address}`)).to.equal(false);
      }),
    );
  });

  it("allows addresses and ranges that are named, and nothing beside them", () => {
    const some = new AddressGuard(["10.1.0.0/16", "127.0.0.1", "fd00:1::/32", "::1"]);
    for (const address of [
      "10.1.2.3",
      "127.0.0.1",
      "::ffff:10.1.2.3",
      "fd00:1::5",
      "::1",
      "8.8.8.8",
    ]) {
      expect(some.isAllowedAddress(address), address).to.equal(true);
    }
    for (const address of ["10.2.0.0", "127.0.0.2", "fd00:2::", "::2", "::", "::ffff:10.2.0.0"]) {
      expect(some.isAllowedAddress(address), address).to.equal(false);
    }
  });

  it("allows host names that are named, in any case and with a dot at the end, and no others", () => {
    const some = new AddressGuard(["Hooks.internal", "redis_1"]);
    for (const host of ["hooks.internal", "HOOKS.INTERNAL.", "redis_1"]) {
      expect(some.isAllowedHost(host), host).to.equal(true);
    }
    for (const host of [
      "internal",
      "a.hooks.internal",
      "hooks.internal.evil.example",
      "",
      "redis-1",
    ]) {
      expect(some.isAllowedHost(host), host).to.equal(false);
    }
    expect(some.isAllowedAddress("10.0.0.1")).to.equal(false);
  });

  for (const text of [
    ...["", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0/8", "::/129"],
    ...[
      "fe80::1%eth0",
      "[::1]",
      "a b",
      "*.internal",
      "http://a",
      "a:80",
      "-a",
      "127.1",
      "2130706433",
    ],
    ...["0x7f.1", "a.0x7f", "x".repeat(254)],
  ]) {
    it(`refuses to allow ${JSON.stringify(text).slice(0, 30)}`, () => {
      expectOptionInvalid(() => new AddressGuard([text]));
    });
  }
});
