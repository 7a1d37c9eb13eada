import { createHmac } from "node:crypto";
import { expect } from "chai";
import { PskKeys, createNonce, keyIdOf, legacyAnswer } from "../src/proof.ts";
import { codeOf, hex, unhex, utf8 } from "./support.ts";

describe("PskKeys", () => {
  it("makes HMAC-SHA256 (RFC 4231, test case 2)", () => {
    const keys = new PskKeys("Jefe");
    const mac = keys.mac(keys.keyId, utf8("what do ya want for nothing?"));
    expect(hex(mac ?? new Uint8Array(0))).to.equal(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
  });

  it("proves with the first key and knows both", () => {
    const keys = new PskKeys("new", "old");
    const transcript = utf8("transcript");
    expect(keys.keyId).to.equal(keyIdOf("new"));
    for (const psk of ["new", "old"]) {
      const expected = createHmac("sha256", psk).update(transcript).digest("hex");
      expect(hex(keys.mac(keyIdOf(psk), transcript) ?? new Uint8Array(0))).to.equal(expected);
    }
  });

  it("knows no other key, whatever its id is called", () => {
    const keys = new PskKeys("new", "old");
    for (const keyId of [keyIdOf("other"), "", "__proto__", "constructor"]) {
      expect(keys.mac(keyId, utf8("transcript"))).to.equal(undefined);
    }
  });

  it("bears the same key twice", () => {
    const keys = new PskKeys("same", "same");
    expect(keys.mac(keyIdOf("same"), utf8(""))).to.have.length(32);
  });

  it("takes a key of any script as UTF-8", () => {
    const keys = new PskKeys("ñ日本😀");
    const expected = createHmac("sha256", Buffer.from("ñ日本😀", "utf8")).update("x").digest("hex");
    expect(hex(keys.mac(keys.keyId, utf8("x")) ?? new Uint8Array(0))).to.equal(expected);
  });

  it("refuses an empty key: anyone could prove that they know it", () => {
    expect(codeOf(() => new PskKeys(""))).to.equal("SHARDCAST_KEY_MISSING");
    expect(codeOf(() => new PskKeys("new", ""))).to.equal("SHARDCAST_KEY_MISSING");
  });

  it("compares macs of any length", () => {
    const keys = new PskKeys("psk");
    expect(keys.isEqual(unhex("0102"), unhex("0102"))).to.equal(true);
    expect(keys.isEqual(unhex("0102"), unhex("0103"))).to.equal(false);
    expect(keys.isEqual(unhex("0102"), unhex("010203"))).to.equal(false);
    expect(keys.isEqual(unhex(""), unhex(""))).to.equal(true);
  });
});

describe("keyIdOf", () => {
  it("gives 8 hex digits that differ from key to key", () => {
    expect(keyIdOf("a")).to.match(/^[0-9a-f]{8}$/);
    expect(keyIdOf("a")).not.to.equal(keyIdOf("b"));
    const mac = createHmac("sha256", "a").update("shardcast.v1 key id").digest("hex");
    expect(keyIdOf("a")).to.equal(mac.slice(0, 8));
  });
});

describe("createNonce", () => {
  it("gives 32 bytes, never the same", () => {
    const nonces = Array.from({ length: 1000 }, createNonce);
    expect(nonces.every((nonce) => nonce.length === 32)).to.equal(true);
    expect(new Set(nonces.map(hex)).size).to.equal(1000);
  });
});

describe("legacyAnswer", () => {
  // Computed with the original queue's own code.
  const vectors: readonly (readonly [number, string])[] = [
    [1, "GmAJ7WiOh8+lLmp8MWYCoPJbPJLSEi6ady7ii8iWLKk="],
    [255, "vijoJPrreNqmTvJyCw6RS6LMHxOAw0iRlB/cT/WOQCM="],
    [2_147_483_646, "7dQ8FO8OXZB+oCZ9Iwj61XPO5VzYN94jZVOiuhD4l4k="],
  ];
  for (const [once, answer] of vectors) {
    it(`answers ${once} as the original queue does`, () => {
      expect(legacyAnswer("pre-shared-key", once)).to.equal(answer);
    });
  }
});
