import { expect } from "chai";
import fc from "fast-check";
import { CompactEncrypt } from "jose";
import { SessionSeal } from "../src/session-seal.ts";
import { createUserId } from "../src/user.ts";

const LIFETIME_MS = 30 * 24 * 60 * 60 * 1000;
const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

describe("a sealed session", () => {
  const seal = new SessionSeal({ secret: "a secret of some length", lifetimeMs: LIFETIME_MS });
  const userId = createUserId();

  it("gives back the user that was sealed", async () => {
    expect(await seal.unseal(await seal.seal({ userId }))).to.deep.equal({ userId });
  });

  it("does not show who it is", async () => {
    const text = await seal.seal({ userId });
    const decoded = text
      .split(".")
      .map((part) => Buffer.from(part, "base64url").toString("latin1"));
    expect([text, ...decoded].join("")).to.not.contain(userId);
  });

  it("is taken with the secret before, and with no other", async () => {
    const text = await seal.seal({ userId });
    const options = { secret: "another secret, as long", lifetimeMs: LIFETIME_MS };
    const rotated = new SessionSeal({ ...options, previousSecret: "a secret of some length" });
    expect(await rotated.unseal(text)).to.deep.equal({ userId });
    expect(await rotated.unseal(await rotated.seal({ userId }))).to.deep.equal({ userId });
    expect(await seal.unseal(await rotated.seal({ userId }))).to.equal(undefined);
    expect(await new SessionSeal(options).unseal(text)).to.equal(undefined);
  });

  it("is over when its time is", async () => {
    let now = Date.now();
    const options = { secret: "a secret of some length", lifetimeMs: LIFETIME_MS };
    const clocked = new SessionSeal({ ...options, now: () => now });
    const text = await clocked.seal({ userId });
    now += LIFETIME_MS - 2000;
    expect(await clocked.unseal(text)).to.deep.equal({ userId });
    now += 4000;
    expect(await clocked.unseal(text)).to.equal(undefined);
  });

  it("is refused where a single bit is another, in every character of it", async () => {
    const text = await seal.seal({ userId });
    for (let at = 0; at < text.length; at += 1) {
      const value = BASE64URL.indexOf(text.charAt(at));
      const others =
        value < 0
          ? ["A", "_", "="]
          : [1, 2, 4, 8, 16, 32].map((bit) => BASE64URL.charAt(value ^ bit));
      for (const other of others) {
        const forged = text.slice(0, at) + other + text.slice(at + 1);
        expect(await seal.unseal(forged), forged).to.equal(undefined);
      }
    }
  });

  it("is refused where parts are cut, added, or of another session", async () => {
    const text = await seal.seal({ userId });
    const other = await seal.seal({ userId: createUserId() });
    const parts = text.split(".");
    for (let index = 0; index < parts.length; index += 1) {
      const mixed = parts.map((part, at) => (at === index ? other.split(".")[at] : part)).join(".");
      // The headers are equal, and the key part is empty.
      if (mixed !== text) expect(await seal.unseal(mixed)).to.equal(undefined);
      expect(await seal.unseal(parts.toSpliced(index, 1).join("."))).to.equal(undefined);
      expect(await seal.unseal(parts.toSpliced(index, 0, "AAAA").join("."))).to.equal(undefined);
    }
    for (const forged of [`${text}=`, `${text} `, ` ${text}`, text + text, text.slice(0, -1)]) {
      expect(await seal.unseal(forged)).to.equal(undefined);
    }
  });

  it("is refused where it is of another kind", async () => {
    const claims = Buffer.from(JSON.stringify({ sub: userId, iss: "shardcast-switchboard" }));
    const none = Buffer.from('{"alg":"none"}').toString("base64url");
    const own = await new CompactEncrypt(claims)
      .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
      .encrypt(new Uint8Array(32));
    for (const text of [
      `${none}.${claims.toString("base64url")}.`,
      own,
      userId,
      "",
      "....",
      "null",
    ]) {
      expect(await seal.unseal(text), text).to.equal(undefined);
    }
  });

  it("is refused, and nothing worse, whatever the text", async () => {
    const parts = fc.array(fc.base64String({ maxLength: 40 }), { minLength: 4, maxLength: 6 });
    const texts = fc.oneof(
      fc.string({ maxLength: 2000 }),
      parts.map((list) => list.map((part) => part.replace(/=+$/, "")).join(".")),
      fc.jsonValue().map((header) => {
        const head = Buffer.from(JSON.stringify(header)).toString("base64url");
        return `${head}..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA`;
      }),
    );
    await fc.assert(
      fc.asyncProperty(texts, async (text) => (await seal.unseal(text)) === undefined),
    );
  });
});
