import { expect } from "chai";
import { AddressGuard } from "../src/address-guard.ts";
import { parseWebhookTarget } from "../src/webhook-target.ts";

describe("parseWebhookTarget", () => {
  const rules = { guard: new AddressGuard(), isHttpAllowed: true };

  it("reads what is to be connected to", () => {
    const target = parseWebhookTarget("https://Hooks.example:8443/a?b=c#d", rules);
    const expected = { isTls: true, hostname: "hooks.example", port: 8443, path: "/a?b=c" };
    expect(target).to.deep.equal(expected);
    const bare = { isTls: false, hostname: "2606:4700::1", port: 80, path: "/" };
    expect(parseWebhookTarget("http://[2606:4700::1]", rules)).to.deep.equal(bare);
    expect(parseWebhookTarget("https://1.1.1.1", rules)).to.include({ port: 443 });
  });

  for (const host of [
    ...["127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.1"],
    ...[
      "127.0.0.1.",
      "１２７.0.0.1",
      "%31%32%37.0.0.1",
      "169.254.169.254",
      "0xa9fea9fe",
      "0",
      "0.0.0.0",
    ],
    ...["[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[fd00::1]"],
    ...["[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[0:0:0:0:0:0:0:1]"],
  ]) {
    it(`refuses the address ${host}, however it is written`, () => {
      expect(parseWebhookTarget(`https://${host}/`, rules)).to.equal(
        "the URL's address is not public",
      );
    });
  }

  for (const [url, reason] of [
    ["", "the URL is malformed"],
    ["hooks.example/a", "the URL is malformed"],
    ["https://", "the URL is malformed"],
    ["https://[fe80::1%25eth0]/", "the URL is malformed"],
    ["https://1.2.3.256/", "the URL is malformed"],
    ["ftp://hooks.example/", "the URL is neither https: nor http:"],
    ["file:///etc/passwd", "the URL is neither https: nor http:"],
    ["unix:/run/docker.sock", "the URL is neither https: nor http:"],
    ["https://user:secret@hooks.example/", "the URL contains credentials"],
    ["https://user@hooks.example/", "the URL contains credentials"],
    ["https://:secret@hooks.example/", "the URL contains credentials"],
    ["https://hooks.example:0/", "the URL has the port 0"],
  ]) {
    it(`says of ${JSON.stringify(url)} that ${String(reason)}`, () => {
      expect(parseWebhookTarget(url ?? "", rules)).to.equal(reason);
    });
  }

  it("refuses http: unless it is allowed", () => {
    const strict = { ...rules, isHttpAllowed: false };
    const reason = "the URL is http:, which is not allowed";
    expect(parseWebhookTarget("http://hooks.example/", strict)).to.equal(reason);
    expect(parseWebhookTarget("https://hooks.example/", strict)).to.be.an("object");
  });
});
