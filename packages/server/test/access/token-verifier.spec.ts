import { expect } from "chai";
import fc from "fast-check";
import { Permissions } from "@shardcast/protocol";
import { CompactEncrypt } from "jose";
import { JwksKeys, PemKey, SecretKeys } from "../../src/access/token-keys.ts";
import {
  ALL_TOPICS,
  NOW_MS,
  NOW_S,
  SECRET,
  base64url,
  hmac,
  keyPairs,
  pemOf,
  rawToken,
  tokenOf,
  verdict,
  verifierOf,
} from "./support.ts";

const INVALID = "SHARDCAST_TOKEN_INVALID";
const EXPIRED = "SHARDCAST_TOKEN_EXPIRED";

describe("TokenVerifier", () => {
  it("tells whom a token names, what it allows and until when", async () => {
    const caps = [{ topics: ["chat/*"], allow: ["publish"] }];
    const identity = await verifierOf().verify(tokenOf({ caps }));
    expect(identity.user).to.equal("ann");
    expect(identity.permissions.grants).to.deep.equal(caps);
    expect(identity.expiresAt).to.equal((NOW_S + 60) * 1000 + 5000);
  });

  it("gives what the node allows by default where there is no claim caps", async () => {
    const defaultPermissions = new Permissions([ALL_TOPICS]);
    const identity = await verifierOf({ defaultPermissions }).verify(tokenOf());
    expect(identity.permissions).to.equal(defaultPermissions);
    const none = await verifierOf({ defaultPermissions }).verify(tokenOf({ caps: [] }));
    expect(none.permissions.allows("subscribe", "news")).to.equal(false);
  });

  describe("keys", () => {
    const pairs = keyPairs();

    for (const { alg, publicKey, signer } of pairs) {
      const pem = new PemKey(pemOf(publicKey));
      const jwk = { ...publicKey.export({ format: "jwk" }), kid: "k1" };
      const jwks = new JwksKeys({ keys: [jwk] });

      it(`takes ${alg} by PEM and by JWKS`, async () => {
        const named = tokenOf({}, { alg, kid: "k1" }, signer);
        const other = tokenOf({}, { alg, kid: "k2" }, signer);
        expect(await verdict(verifierOf({ keys: [pem] }).verify(named))).to.equal("ok");
        expect(await verdict(verifierOf({ keys: [jwks] }).verify(named))).to.equal("ok");
        expect(await verdict(verifierOf({ keys: [jwks] }).verify(other))).to.equal(INVALID);
        const unnamed = tokenOf({}, { alg }, signer);
        expect(await verdict(verifierOf({ keys: [jwks] }).verify(unnamed))).to.equal("ok");
      });

      it(`takes no HS256 that was signed with the public key of ${alg}`, async () => {
        const der = publicKey.export({ type: "spki", format: "der" });
        const texts = [pemOf(publicKey), pemOf(publicKey).trim(), der, JSON.stringify(jwk)];
        texts.push(JSON.stringify({ keys: [jwk] }), der.toString("base64"));
        if (alg !== "EdDSA" && alg !== "ES256") {
          texts.push(publicKey.export({ type: "pkcs1", format: "pem" }).toString());
        }
        for (const text of texts) {
          for (const [name, hash] of [
            ["HS256", "sha256"],
            ["HS512", "sha512"],
          ] as const) {
            const token = tokenOf({}, { alg: name, kid: "k1" }, hmac(text, hash));
            for (const keys of [[pem], [jwks], [new SecretKeys([SECRET]), pem, jwks]]) {
              expect(await verdict(verifierOf({ keys }).verify(token))).to.equal(INVALID);
            }
          }
        }
      });

      it(`takes no key that the token itself brings (${alg})`, async () => {
        const stranger = keyPairs().find((pair) => pair.alg === alg);
        if (stranger === undefined) throw new Error("no such pair");
        const own = stranger.publicKey.export({ format: "jwk" });
        for (const header of [
          { alg, jwk: own },
          {
            alg,
            kid: "k1",
            jwk: own,
            jku: "https://evil.example/keys",
            x5u: "https://evil.example",
          },
          { alg, x5c: [base64url("no certificate")] },
        ]) {
          const token = tokenOf({}, header, stranger.signer);
          expect(await verdict(verifierOf({ keys: [pem] }).verify(token))).to.equal(INVALID);
          expect(await verdict(verifierOf({ keys: [jwks] }).verify(token))).to.equal(INVALID);
        }
      });
    }

    it("takes no algorithm that is another one's of the same key", async () => {
      for (const { publicKey, signer } of pairs) {
        for (const { alg } of pairs) {
          const isOwn = pairs.some((pair) => pair.alg === alg && pair.signer === signer);
          const keys = [new PemKey(pemOf(publicKey))];
          const code = await verdict(verifierOf({ keys }).verify(tokenOf({}, { alg }, signer)));
          expect(code, alg).to.equal(isOwn ? "ok" : INVALID);
        }
      }
    });

    it("takes no public key for the secret's tokens, and no secret in a JWKS", async () => {
      const k = Buffer.from(SECRET).toString("base64url");
      const set = { keys: [{ kty: "oct", k, alg: "HS256", kid: "k1" }] };
      const verifier = verifierOf({ keys: [new JwksKeys(set)] });
      expect(await verdict(verifier.verify(tokenOf({}, { alg: "HS256", kid: "k1" })))).to.equal(
        INVALID,
      );
    });

    it("tries all keys of a set that may have signed it, and none that is for another use", async () => {
      const [rsa, other] = [keyPairs()[0], pairs[0]];
      if (rsa === undefined || other === undefined) throw new Error("no RSA");
      const [first, second] = [other, rsa].map(({ publicKey }) =>
        publicKey.export({ format: "jwk" }),
      );
      type Set = ConstructorParameters<typeof JwksKeys>[0];
      const token = tokenOf({}, { alg: "RS256" }, rsa.signer);
      const both = new JwksKeys({ keys: [{ kty: "RSA" }, first, second] } as Set);
      expect(await verdict(verifierOf({ keys: [both] }).verify(token))).to.equal("ok");
      const forEncryption = new JwksKeys({ keys: [first, { ...second, use: "enc" }] } as Set);
      expect(await verdict(verifierOf({ keys: [forEncryption] }).verify(token))).to.equal(INVALID);
    });

    it("takes either of two secrets, and no third", async () => {
      const old = "the secret before, which is long enough as well";
      const keys = [new SecretKeys([SECRET, old])];
      const by = (secret: string): Promise<string> =>
        verdict(verifierOf({ keys }).verify(tokenOf({}, { alg: "HS256" }, hmac(secret))));
      expect([await by(SECRET), await by(old), await by(`${old}!`), await by("")]).to.deep.equal([
        ...["ok", "ok", INVALID, INVALID],
      ]);
      const late = tokenOf({ exp: NOW_S - 6 }, { alg: "HS256" }, hmac(old));
      expect(await verdict(verifierOf({ keys }).verify(late))).to.equal(EXPIRED);
    });
  });

  describe("heads", () => {
    for (const alg of [
      "none",
      "None",
      "NONE",
      "nOnE",
      "",
      "HS256 ",
      "hs256",
      "HS384",
      "RS256",
      "dir",
    ]) {
      it(`refuses the algorithm ${JSON.stringify(alg)}, signed or not`, async () => {
        expect(await verdict(verifierOf().verify(tokenOf({}, { alg })))).to.equal(INVALID);
        const unsigned = tokenOf({}, { alg }, () => Buffer.alloc(0));
        expect(await verdict(verifierOf().verify(unsigned))).to.equal(INVALID);
      });
    }

    for (const header of [
      {},
      { alg: null },
      { alg: 256 },
      { alg: ["HS256"] },
      { alg: { toString: "HS256" } },
      { alg: "HS256", crit: ["exp"] },
      { alg: "HS256", crit: [] },
      { alg: "HS256", crit: ["b64"], b64: false },
      { alg: "HS256", crit: ["b64"], b64: true, kid: 1 },
      [],
      null,
      "HS256",
    ]) {
      it(`gives ${JSON.stringify(header)} a verdict`, async () => {
        const code = await verdict(verifierOf().verify(tokenOf({}, header)));
        const isFine = JSON.stringify(header).includes('"b64":true');
        expect(code).to.equal(isFine ? "ok" : INVALID);
      });
    }

    it("refuses what is no JWT", async () => {
      const [head = "", claims = "", mac = ""] = tokenOf().split(".");
      for (const token of [
        ...["", ".", "..", "...", "a.b.c", "a.b", " ", "\0", "日本", "{}"],
        ...[`${head}.${claims}`, `${head}.${claims}.`, `${head}..${mac}`, `.${claims}.${mac}`],
        ...[`${head}.${claims}.${mac}.`, `${head}.${claims}.${mac}.${mac}`],
        ...[
          ` ${tokenOf()}`,
          `${tokenOf()} `,
          `${tokenOf()}\n`,
          `${tokenOf()}=`,
          tokenOf().replace(/.$/, "+"),
        ],
        ...[`Bearer ${tokenOf()}`, JSON.stringify(tokenOf())],
      ]) {
        expect(await verdict(verifierOf().verify(token)), token).to.equal(INVALID);
      }
    });

    it("refuses claims that are no JSON object", async () => {
      const texts = ["", "null", "1", "[]", '"text"', "{", '{"sub":"ann"', "\ufeff{}", "{}{}"];
      for (const text of texts) {
        const token = rawToken(text, { alg: "HS256" });
        expect(await verdict(verifierOf().verify(token)), text).to.equal(INVALID);
      }
    });

    it("refuses encrypted and nested tokens", async () => {
      const key = Buffer.from(SECRET).subarray(0, 32);
      const encrypted = await new CompactEncrypt(Buffer.from(tokenOf()))
        .setProtectedHeader({ alg: "dir", enc: "A256GCM" })
        .encrypt(key);
      expect(await verdict(verifierOf().verify(encrypted))).to.equal(INVALID);
      const posing = encrypted.replace(/^[^.]+/, base64url('{"alg":"HS256","enc":"A256GCM"}'));
      expect(await verdict(verifierOf().verify(posing))).to.equal(INVALID);
      const nested = rawToken(tokenOf(), { alg: "HS256", cty: "JWT" });
      expect(await verdict(verifierOf().verify(nested))).to.equal(INVALID);
    });

    it("refuses a good token of which any one character is another one", async () => {
      const token = tokenOf();
      const verifier = verifierOf();
      for (let at = 0; at < token.length; at += 1) {
        for (const character of [
          "A",
          "_",
          ".",
          " ",
          String.fromCharCode(token.charCodeAt(at) ^ 1),
        ]) {
          if (character === token[at]) continue;
          const bad = token.slice(0, at) + character + token.slice(at + 1);
          expect(await verdict(verifier.verify(bad)), bad).to.equal(INVALID);
        }
      }
    });

    it("refuses whatever text, and never fails", async () => {
      const part = fc.oneof(fc.base64String(), fc.json().map(base64url), fc.string());
      const token = fc.array(part, { maxLength: 5 }).map((parts) => parts.join("."));
      await fc.assert(
        fc.asyncProperty(token, async (text) => {
          expect(await verdict(verifierOf().verify(text))).to.equal(INVALID);
        }),
      );
    });

    it("refuses more than 4000 bytes, signed or not", async () => {
      const padded = (bytes: number): string => {
        const claims = (count: number): string => tokenOf({ pad: "x".repeat(count) });
        let count = Math.floor((bytes - claims(0).length) * 0.75);
        while (claims(count).length < bytes) count += 1;
        return claims(count);
      };
      expect(padded(4000)).to.have.lengthOf(4000);
      expect(await verdict(verifierOf().verify(padded(4000)))).to.equal("ok");
      expect(await verdict(verifierOf().verify(padded(4002)))).to.equal(INVALID);
      expect(await verdict(verifierOf().verify("é".repeat(2001)))).to.equal(INVALID);
    });
  });

  describe("claims", () => {
    const check = (
      claims: unknown,
      options: Parameters<typeof verifierOf>[0] = {},
    ): Promise<string> => verdict(verifierOf(options).verify(tokenOf(claims)));

    it("wants the audience that the node was told", async () => {
      const audience = "mq";
      for (const [aud, code] of [
        ["mq", "ok"],
        [["mq"], "ok"],
        [["other", "mq"], "ok"],
        [undefined, INVALID],
        [null, INVALID],
        ["MQ", INVALID],
        ["mq ", INVALID],
        ["", INVALID],
        [[], INVALID],
        [["m", "q"], INVALID],
        [[["mq"]], INVALID],
        [{ mq: true }, INVALID],
        [0, INVALID],
      ]) {
        expect(await check({ aud }, { audience }), JSON.stringify(aud)).to.equal(code);
      }
    });

    it("refuses a token for somebody where the node expects none to be", async () => {
      for (const aud of ["mq", [], [""], "", null, false]) {
        expect(await check({ aud }), JSON.stringify(aud)).to.equal(INVALID);
      }
    });

    it("wants the issuer that the node was told", async () => {
      const issuer = "https://id.example.com/";
      for (const iss of [undefined, null, "https://id.example.com", "", [issuer], "evil"]) {
        expect(await check({ iss }, { issuer }), JSON.stringify(iss)).to.equal(INVALID);
      }
      expect(await check({ iss: issuer }, { issuer })).to.equal("ok");
      expect(await check({ iss: "whoever" })).to.equal("ok");
    });

    it("allows clocks to be off by the leeway, and not by more", async () => {
      expect(await check({ nbf: NOW_S + 5 })).to.equal("ok");
      expect(await check({ nbf: NOW_S + 6 })).to.equal(INVALID);
      expect(await check({ exp: NOW_S - 4 })).to.equal("ok");
      expect(await check({ exp: NOW_S - 5 })).to.equal(EXPIRED);
      const leewayMs = 0;
      expect(await check({ nbf: NOW_S }, { leewayMs })).to.equal("ok");
      expect(await check({ nbf: NOW_S + 1 }, { leewayMs })).to.equal(INVALID);
      expect(await check({ exp: NOW_S + 1 }, { leewayMs })).to.equal("ok");
      expect(await check({ exp: NOW_S }, { leewayMs })).to.equal(EXPIRED);
    });

    it("lets nobody in whose link would end at once", async () => {
      const now = (): number => NOW_MS + 900;
      expect(await check({ exp: NOW_S + 0.5 }, { leewayMs: 0, now })).to.equal(EXPIRED);
      expect(await check({ exp: NOW_S }, { leewayMs: 500, now })).to.equal(EXPIRED);
      expect(await check({ exp: NOW_S }, { leewayMs: 901, now })).to.equal("ok");
    });

    it("takes an end in fractions of a second", async () => {
      const { expiresAt } = await verifierOf().verify(tokenOf({ exp: NOW_S + 1.2345678 }));
      expect(expiresAt).to.equal(NOW_MS + 1234 + 5000);
    });

    for (const exp of [
      ...[null, "1800000000", "", true, [], {}, [NOW_S + 60], { valueOf: 1 }],
      // In ms, by mistake, and what no clock will ever say.
      ...[NOW_MS + 60_000, 1e300, 1.7e308, Number.MAX_SAFE_INTEGER],
    ]) {
      it(`refuses the end ${JSON.stringify(exp)}`, async () => {
        expect(await check({ exp })).to.equal(INVALID);
      });
    }

    it("refuses an end that JSON can say and a number cannot", async () => {
      for (const exp of ["1e999", "-1e999", "1e306"]) {
        const code = await verdict(
          verifierOf().verify(rawToken(`{"sub":"ann","exp":${exp}}`, { alg: "HS256" })),
        );
        expect(code, exp).to.be.oneOf([INVALID, EXPIRED]);
      }
      for (const exp of [0, -1, -0, -NOW_S, -1e300]) {
        expect(await check({ exp }), String(exp)).to.equal(EXPIRED);
      }
    });

    it("refuses a token without an end, or without a user", async () => {
      for (const claims of ["{}", '{"sub":"ann"}', `{"exp":${NOW_S + 60}}`]) {
        const token = rawToken(claims, { alg: "HS256" });
        expect(await verdict(verifierOf().verify(token)), claims).to.equal(INVALID);
      }
      const inherited = rawToken(`{"__proto__":{"sub":"ann"},"exp":${NOW_S + 60}}`, {
        alg: "HS256",
      });
      expect(await verdict(verifierOf().verify(inherited))).to.equal(INVALID);
    });

    for (const sub of [
      ...["", "a\nb", "\0", "\u007f", "\u0085", "\ud800", "x".repeat(256), "é".repeat(128)],
      ...[null, 0, 1, true, [], ["ann"], {}, { length: 3 }, { toString: "ann" }],
    ]) {
      it(`refuses the user ${JSON.stringify(sub).slice(0, 20)}`, async () => {
        expect(await check({ sub })).to.equal(INVALID);
      });
    }

    it("takes users of up to 255 bytes", async () => {
      for (const sub of ["x", "x".repeat(255), "日本", "a b", "<b>", "$", "é".repeat(127)]) {
        expect((await verifierOf().verify(tokenOf({ sub }))).user).to.equal(sub);
      }
    });

    for (const caps of [
      ...[null, false, 0, "", "publish:*", {}, { topics: ["*"], allow: ["publish"] }],
      ...[[null], [[]], ["publish"], [{}], [{ topics: ["*"] }], [{ allow: ["publish"] }]],
      ...[[{ topics: "*", allow: ["publish"] }], [{ topics: ["*"], allow: "publish" }]],
      ...[
        [{ topics: [""], allow: [] }],
        [{ topics: [1], allow: [] }],
        [{ topics: [["*"]], allow: [] }],
      ],
      ...[[{ topics: ["a\n"], allow: [] }], [{ topics: ["x".repeat(256)], allow: [] }]],
      ...[[{ topics: [], allow: ["Publish"] }], [{ topics: [], allow: ["*"] }]],
      ...[[{ topics: [], allow: [["publish"]] }], [{ topics: [], allow: ["constructor"] }]],
      ...[[{ topics: Array.from({ length: 257 }, () => "a"), allow: [] }]],
      ...[Array.from({ length: 129 }, () => ({ topics: ["a", "b"], allow: [] }))],
    ]) {
      it(`refuses the caps ${JSON.stringify(caps).slice(0, 50)}`, async () => {
        expect(await check({ caps })).to.equal(INVALID);
      });
    }

    it("looks at claims only after the signature", async () => {
      const verifier = verifierOf({ audience: "mq" });
      const forged = tokenOf({ aud: "other", exp: 1 }, { alg: "HS256" }, hmac("a stranger's"));
      const error = await verifier.verify(forged).catch((reason: unknown) => reason);
      expect(error).to.have.property("message", "its signature matches no key");
    });
  });
});
