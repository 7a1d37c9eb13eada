import { expect } from "chai";
import fc from "fast-check";
import { addressGroup, clientAddress } from "../src/client-address.ts";

const PROXY = "10.0.0.1";

function behind(hops: number, forwarded?: string): string {
  const headers = forwarded === undefined ? {} : { "x-forwarded-for": forwarded };
  return clientAddress(PROXY, headers, hops);
}

describe("clientAddress", () => {
  it("believes no header where no proxy is trusted", () => {
    expect(behind(0)).to.equal(PROXY);
    expect(behind(0, "1.2.3.4")).to.equal(PROXY);
  });

  it("takes what the outermost trusted proxy has added, not what the client has", () => {
    expect(behind(1, "1.2.3.4")).to.equal("1.2.3.4");
    expect(behind(1, "6.6.6.6, 1.2.3.4")).to.equal("1.2.3.4");
    expect(behind(1, "6.6.6.6,7.7.7.7,\t1.2.3.4 ")).to.equal("1.2.3.4");
    expect(behind(2, "6.6.6.6, 1.2.3.4, 10.0.0.2")).to.equal("1.2.3.4");
  });

  it("is the proxy where fewer have added something than are trusted", () => {
    expect(behind(1)).to.equal(PROXY);
    expect(behind(2, "1.2.3.4")).to.equal(PROXY);
    expect(behind(100, "1.2.3.4, 5.6.7.8")).to.equal(PROXY);
  });

  it("is the proxy where what it has added is no address", () => {
    for (const garbage of [
      ...[
        "",
        " ",
        ",",
        "unknown",
        "_hidden",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "0x1.2.3.4",
        "1.2.3.256",
      ],
      ...[
        "example.com",
        "1.2.3.4/8",
        "[::1",
        "::1]",
        "1:2",
        ":::",
        "1.2.3.4:",
        "[1.2.3.4:5]",
        "[]:1",
      ],
      ...["1.2.3.4\0", "1.2.3.4 5.6.7.8", "for=1.2.3.4", "x".repeat(10_000)],
    ]) {
      expect(behind(1, `6.6.6.6, ${garbage}`), garbage).to.equal(PROXY);
    }
  });

  it("takes addresses with the port that some proxies add", () => {
    expect(behind(1, "1.2.3.4:5678")).to.equal("1.2.3.4");
    expect(behind(1, "[2001:DB8::1]:443")).to.equal("2001:db8::1");
    expect(behind(1, "[2001:db8::1]")).to.equal("2001:db8::1");
  });

  it("writes an address in one way", () => {
    expect(clientAddress("::ffff:1.2.3.4", {}, 0)).to.equal("1.2.3.4");
    expect(behind(1, "::FFFF:1.2.3.4")).to.equal("1.2.3.4");
    expect(behind(1, "2001:DB8::A")).to.equal("2001:db8::a");
    expect(clientAddress("", {}, 0)).to.equal("");
  });

  it("never gives a client the address that it wants, whatever it sends through a proxy", () => {
    fc.assert(
      fc.property(fc.string(), (sent) => {
        expect(behind(1, `${sent}, 1.2.3.4`)).to.equal("1.2.3.4");
      }),
    );
  });
});

describe("addressGroup", () => {
  it("counts an IPv4 address as one client", () => {
    expect(addressGroup("1.2.3.4")).to.equal("1.2.3.4");
  });

  it("counts 64 bits of IPv6 as one client, however they are written", () => {
    for (const address of [
      ...["2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", "2001:0db8:0001:0002::", "2001:DB8:1:2::ffff"],
      ...["2001:db8:1:2::1%eth0", "2001:db8:1:2:3:4:1.2.3.4"],
    ]) {
      expect(addressGroup(address), address).to.equal("2001:db8:1:2::/64");
    }
    for (const address of ["fe80::1", "fe80::1%eth0", "fe80::1%1", "fe80:0:0:0:5::"]) {
      expect(addressGroup(address), address).to.equal("fe80:0:0:0::/64");
    }
    expect(addressGroup("::1")).to.equal("0:0:0:0::/64");
    expect(addressGroup("::")).to.equal("0:0:0:0::/64");
    expect(addressGroup("2001:db8:1:3::1")).to.equal("2001:db8:1:3::/64");
  });

  it("gives one group to all spellings of an address, and another to other prefixes", () => {
    const hextet = fc.integer({ min: 1, max: 0xffff });
    const eight = fc.array(hextet, { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(eight, fc.nat(8), fc.nat(8), (hextets, start, count) => {
        const zeroed = hextets.map((value, at) => (at >= start && at < start + count ? 0 : value));
        const plain = zeroed.map((value) => value.toString(16)).join(":");
        const long = zeroed.map((value) => value.toString(16).padStart(4, "0")).join(":");
        // URL parsers write an address in its shortest form.
        const short = new URL(`http://[${plain}]`).hostname.slice(1, -1);
        const expected = `${plain.split(":").slice(0, 4).join(":")}::/64`;
        expect([plain, long, short].map(addressGroup)).to.deep.equal(Array(3).fill(expected));
      }),
    );
  });

  it("leaves what is no address as it is", () => {
    for (const text of ["", "unknown", "1:2", "x%y"]) expect(addressGroup(text)).to.equal(text);
  });
});
