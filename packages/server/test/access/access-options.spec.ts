import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ACCESS_OPTIONS, parseRows } from "@shardcast/options";
import { ShardcastError } from "@shardcast/protocol";
import { expect } from "chai";
import { parseAccessOptions, type AccessOptions } from "../../src/access/access-options.ts";
import { SECRET, hmac, keyPairs, pemOf, tokenOf, verdict, verifierOf } from "./support.ts";

const OTHER = "another secret of the tests, long enough, too";

describe("parseAccessOptions", () => {
  const folder = mkdtempSync(join(tmpdir(), "shardcast-access-"));

  after(() => rmSync(folder, { recursive: true, force: true }));

  function parse(raw: Readonly<Record<string, unknown>> = {}): AccessOptions {
    return parseAccessOptions(parseRows(ACCESS_OPTIONS, raw));
  }

  function file(name: string, content: string): string {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  }

  function signedWith(secret: string, options: AccessOptions): Promise<string> {
    const token = tokenOf({}, { alg: "HS256" }, hmac(secret));
    return verdict(verifierOf({ keys: options.tokenKeys }).verify(token));
  }

  it("lets nobody in without the key where nothing was said", () => {
    const { tokenKeys, jwksUrl, anonymous, defaultPermissions, trustedHops, limits } = parse();
    expect([tokenKeys, jwksUrl, anonymous, trustedHops]).to.deep.equal([
      [],
      undefined,
      undefined,
      0,
    ]);
    expect(defaultPermissions.grants).to.deep.equal([]);
    expect(limits.linksPerUser).to.equal(100);
  });

  it("takes 0 for no limit", () => {
    expect(parse({ "max-links-per-user": 0 }).limits.linksPerUser).to.equal(Infinity);
    expect(parse({ "max-handshakes": 0 }).handshakesPerSecond).to.equal(Infinity);
  });

  it("takes two secrets, by themselves or in a file", async () => {
    const given = parse({ "token-secret": SECRET, "token-secret-previous": OTHER });
    const lines = file("secrets", `\n${SECRET}\r\n  ${OTHER}\n${OTHER}${OTHER}\n`);
    for (const options of [given, parse({ "token-secret-file": lines })]) {
      expect(await signedWith(SECRET, options)).to.equal("ok");
      expect(await signedWith(OTHER, options)).to.equal("ok");
      expect(await signedWith(OTHER + OTHER, options)).to.equal("SHARDCAST_TOKEN_INVALID");
    }
  });

  it("takes public keys from a file: PEM, or a JWKS", () => {
    for (const { publicKey } of keyPairs()) {
      const set = { keys: [publicKey.export({ format: "jwk" })] };
      expect(parse({ "token-key": file("pem", pemOf(publicKey)) }).tokenKeys).to.have.lengthOf(1);
      const jwks = file("jwks", `\n${JSON.stringify(set)}`);
      expect(parse({ "token-key": jwks }).tokenKeys).to.have.lengthOf(1);
    }
  });

  it("fetches keys over TLS, or from this machine", () => {
    for (const url of ["https://id.example.com/keys", "http://127.0.0.1:1/k", "http://[::1]/k"]) {
      expect(parse({ "token-jwks": url }).jwksUrl?.href).to.equal(url);
    }
  });

  for (const [what, raw] of [
    ["a short secret", { "token-secret": "x".repeat(31) }],
    ["an empty secret", { "token-secret": "" }],
    ["a short previous one", { "token-secret": SECRET, "token-secret-previous": "short" }],
    ["two values", { "token-secret": [SECRET, OTHER] }],
    ["an empty audience", { "token-audience": "" }],
    ["two audiences", { "token-audience": ["a", "b"] }],
    ["an empty issuer", { "token-issuer": "" }],
    ["a key that is none", { "token-key": join(folder, "none") }],
    ["keys over plain HTTP", { "token-jwks": "http://id.example.com/keys" }],
    ["keys of a name like this machine's", { "token-jwks": "http://localhost.evil.com/" }],
    ["keys of a user like this machine", { "token-jwks": "http://127.0.0.1@evil.com/" }],
    ["keys with a password", { "token-jwks": "https://me:secret@id.example.com/" }],
    ["keys of no URL", { "token-jwks": "file:///etc/keys" }],
    ["an action that there is not", { anonymous: "read:*" }],
    ["grants that are none", { "token-allow": "*" }],
    ["an origin that is none", { origins: "example.com" }],
    ["hops that are none", { "trusted-hops": -1 }],
    ["a leeway that is none", { "token-leeway": 1.5 }],
    ["a limit that is none", { "link-publishes": -1 }],
  ] as [string, Record<string, unknown>][]) {
    it(`refuses ${what}`, () => {
      expect(() => parse(raw))
        .to.throw(ShardcastError)
        .with.property("code", "SHARDCAST_OPTION_INVALID");
    });
  }

  it("has no secret where its file is not there", () => {
    expect(() => parse({ "token-secret-file": join(folder, "none") }))
      .to.throw(ShardcastError)
      .with.property("code", "SHARDCAST_KEY_MISSING");
  });

  it("says nothing of a secret that it refuses", () => {
    expect(() => parse({ "token-secret": "my short secret" }))
      .to.throw()
      .with.property("message")
      .that.does.not.include("my short");
  });

  it("refuses files with what are no keys", () => {
    for (const content of ["", "key", "{", "{}", '{"keys":1}', "-----BEGIN PUBLIC KEY-----\n"]) {
      const raw = { "token-key": file("bad", content) };
      expect(() => parse(raw), content).to.throw(ShardcastError, "--token-key");
    }
  });
});
