import { generateKeyPairSync, verify } from "node:crypto";
import { expect } from "chai";
import { WebhookKeys } from "../src/webhook-keys.ts";
import { bytesOf, expectOptionInvalid } from "./support.ts";

const CONTENT = bytesOf("content");

function secret(count: number, fill = 7): string {
  return `whsec_${Buffer.alloc(count, fill).toString("base64")}`;
}

function ed25519(): { seed: Buffer; open: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    seed: privateKey.export({ format: "der", type: "pkcs8" }).subarray(-32),
    open: publicKey.export({ format: "der", type: "spki" }).subarray(-32),
  };
}

describe("WebhookKeys", () => {
  for (const count of [24, 32, 64]) {
    it(`takes a secret of ${count} bytes`, () => {
      const keys = new WebhookKeys([secret(count)]);
      expect(keys.verify(CONTENT, keys.sign(CONTENT))).to.equal(true);
    });
  }

  for (const count of [0, 1, 23, 65, 1000]) {
    it(`refuses a secret of ${count} bytes, and says how many there may be`, () => {
      const error = expectOptionInvalid(() => new WebhookKeys([secret(count)]));
      expect(error.message).to.equal(`a webhook key whsec_ must have 24 to 64 bytes, not ${count}`);
    });
  }

  for (const text of [
    "",
    "whsec_",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa w",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2La-_Sw",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
    `whpk_${Buffer.alloc(31).toString("base64")}`,
    `whsk_${Buffer.alloc(33).toString("base64")}`,
  ]) {
    it(`refuses ${JSON.stringify(text)} and does not repeat it`, () => {
      const error = expectOptionInvalid(() => new WebhookKeys([text]));
      const key = text.slice(text.indexOf("_") + 1);
      if (key !== "") expect(`${error.message} ${String(error.stack)}`).not.to.include(key);
    });
  }

  it("refuses no keys, and more than 8", () => {
    expectOptionInvalid(() => new WebhookKeys([]));
    expectOptionInvalid(
      () => new WebhookKeys(Array.from({ length: 9 }, (_, at) => secret(24, at))),
    );
  });

  it("signs with all keys, newest first, and takes a signature of any", () => {
    const [fresh, old] = [secret(24, 1), secret(24, 2)];
    const both = new WebhookKeys([fresh, old]).sign(CONTENT);
    const each = [fresh, old].map((text) => new WebhookKeys([text]).sign(CONTENT));
    expect(both).to.deep.equal(each.flat());
    for (const text of [fresh, old]) {
      expect(new WebhookKeys([text]).verify(CONTENT, both)).to.equal(true);
      expect(
        new WebhookKeys([fresh, old]).verify(CONTENT, new WebhookKeys([text]).sign(CONTENT)),
      ).to.equal(true);
    }
    expect(new WebhookKeys([secret(24, 3)]).verify(CONTENT, both)).to.equal(false);
  });

  it("signs with whsk_ what whpk_ verifies, which itself cannot sign", () => {
    const { seed, open } = ed25519();
    const whpk = new WebhookKeys([`whpk_${open.toString("base64")}`]);
    for (const key of [seed, Buffer.concat([seed, open])]) {
      const whsk = new WebhookKeys([`whsk_${key.toString("base64")}`]);
      const signatures = whsk.sign(CONTENT);
      expect(signatures.map(({ version }) => version)).to.deep.equal(["v1a"]);
      expect(whpk.verify(CONTENT, signatures)).to.equal(true);
      expect(whsk.verify(CONTENT, signatures)).to.equal(true);
      expect(whpk.verify(bytesOf("another"), signatures)).to.equal(false);
    }
    expect(whpk.sign(CONTENT)).to.deep.equal([]);
  });

  it("signs as node:crypto verifies", () => {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    const seed = privateKey.export({ format: "der", type: "pkcs8" }).subarray(-32);
    const [made] = new WebhookKeys([`whsk_${seed.toString("base64")}`]).sign(CONTENT);
    const signature = Buffer.from(made?.signature ?? "", "base64");
    expect(verify(null, CONTENT, publicKey, signature)).to.equal(true);
  });

  it("refuses a whsk_ whose halves are no pair", () => {
    const mixed = Buffer.concat([ed25519().seed, ed25519().open]).toString("base64");
    expectOptionInvalid(() => new WebhookKeys([`whsk_${mixed}`]));
  });

  it("does not take a signature of one version for one of the other", () => {
    const keys = new WebhookKeys([secret(24)]);
    const signatures = keys.sign(CONTENT).map(({ signature }) => ({ version: "v1a", signature }));
    expect(keys.verify(CONTENT, signatures)).to.equal(false);
  });

  it("takes no signature that is no base64, empty, or of another size", () => {
    const { seed } = ed25519();
    const keys = new WebhookKeys([secret(24), `whsk_${seed.toString("base64")}`]);
    for (const signature of ["", "=", "é", "A".repeat(44), "A".repeat(88), "A".repeat(100_000)]) {
      for (const version of ["v1", "v1a", "v2"]) {
        expect(keys.verify(CONTENT, [{ version, signature }])).to.equal(false);
      }
    }
  });
});
