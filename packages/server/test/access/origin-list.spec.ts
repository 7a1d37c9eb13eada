import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { OriginList } from "../../src/access/origin-list.ts";

const LIST =
  "https://app.example.com, https://*.example.org,https://*.example.net:8443,HTTP://Localhost:3000";

describe("OriginList", () => {
  const list = new OriginList(LIST);

  for (const origin of [
    undefined,
    ...["https://app.example.com", "HTTPS://APP.EXAMPLE.COM", "http://localhost:3000"],
    ...["https://a.example.org", "https://a.b.example.org", "https://xn--bcher-kva.example.org"],
    ...["https://a.example.net:8443"],
  ]) {
    it(`lets in pages of ${origin ?? "no origin"}`, () => {
      expect(list.allows(origin)).to.equal(true);
    });
  }

  for (const origin of [
    ...["", "null", "NULL", "*", "https://", "file://", "about:blank"],
    ...["http://app.example.com", "https://app.example.com:444", "https://app.example.com."],
    ...["https://app.example.com/", " https://app.example.com", "https://app.example.com, null"],
    ...[
      "https://evil-app.example.com",
      "https://app.example.com.evil.com",
      "https://app-example.com",
    ],
    ...["https://example.org", "https://.example.org", "https://evilexample.org"],
    ...[
      "https://evil-example.org",
      "https://example.org.evil.com",
      "https://a.example.org.evil.com",
    ],
    ...["http://a.example.org", "https://a.example.org:8443", "wss://a.example.org"],
    ...[
      "https://evil.com/.example.org",
      "https://evil.com?.example.org",
      "https://evil.com#.example.org",
    ],
    ...["https://evil.com:1@a.example.org", "https://evil.com, https://a.example.org"],
    ...[
      "https://evil.com\\.example.org",
      "https://evil.com\0.example.org",
      "https://*.example.org",
    ],
    ...["https://a.example.net", "https://a.example.net:443", "https://a.example.net:84433"],
    ...["https://localhost:3000", "http://localhost", "http://localhost:30000"],
  ]) {
    it(`keeps out pages of ${JSON.stringify(origin)}`, () => {
      expect(list.allows(origin)).to.equal(false);
    });
  }

  it("lets in pages of any origin with *, be it among others", () => {
    for (const text of ["*", `${LIST},*`]) {
      for (const origin of [undefined, "null", "https://evil.com", ""]) {
        expect(new OriginList(text).allows(origin)).to.equal(true);
      }
    }
  });

  it("takes no list of what are no origins", () => {
    for (const text of [
      ...[
        "",
        ",",
        "null",
        "app.example.com",
        "https://",
        "https://*",
        "https://a*.example.com",
        "**",
      ],
      ...[
        "https://app.example.com/path",
        "https://*.*.example.com",
        "https://a b",
        "https://app.example.com,",
      ],
      ...["https://user@example.com", "*.example.com", "https://exam*.com"],
    ]) {
      expect(() => new OriginList(text), text).to.throw(ShardcastError, "--origins");
    }
  });
});
