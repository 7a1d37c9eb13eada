import { expect } from "chai";
import fc from "fast-check";
import { Webhook } from "standardwebhooks";
import { signWebhook } from "../src/sign-webhook.ts";
import { verifyWebhook, type ReceivedWebhook } from "../src/verify-webhook.ts";
import { WebhookKeys } from "../src/webhook-keys.ts";
import { bytesOf, expectOptionInvalid } from "./support.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KEYS = new WebhookKeys([SECRET]);
const ID = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIMESTAMP_S = 1_614_265_330;
const NOW_MS = TIMESTAMP_S * 1000;
const BODY = bytesOf('{"test": 2432232314}');
const SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const HEADERS = {
  "webhook-id": ID,
  "webhook-timestamp": String(TIMESTAMP_S),
  "webhook-signature": SIGNATURE,
};
const VALID = { type: "valid", id: ID, timestampS: TIMESTAMP_S };

const ids = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 256,
});
const secrets = fc
  .uint8Array({ minLength: 24, maxLength: 64 })
  .map((bytes) => `whsec_${Buffer.from(bytes).toString("base64")}`);

function verdict(change: Partial<ReceivedWebhook>, keys = KEYS): string {
  const found = verifyWebhook({ headers: HEADERS, body: BODY, nowMs: NOW_MS, ...change }, keys);
  return found.type === "valid" ? "valid" : found.reason;
}

function verdictOf(name: keyof typeof HEADERS, value: string | string[] | undefined): string {
  return verdict({ headers: { ...HEADERS, [name]: value } });
}

describe("signWebhook", () => {
  it("gives the signature that Standard Webhooks has as its example", () => {
    const webhook = { id: ID, timestampS: TIMESTAMP_S, body: BODY };
    expect(signWebhook(webhook, KEYS)).to.deep.equal(HEADERS);
  });

  it("gives what the reference library takes, with one key and with two", () => {
    const text = fc.string({ unit: "binary" }).map((value) => Buffer.from(value).toString());
    fc.assert(
      fc.property(text, secrets, secrets, (body, secret, another) => {
        const timestampS = Math.floor(Date.now() / 1000);
        const webhook = { id: "msg_1", timestampS, body: bytesOf(body) };
        for (const texts of [[secret], [another, secret]]) {
          const headers = { ...signWebhook(webhook, new WebhookKeys(texts)) };
          new Webhook(secret).verify(body, headers, { jsonParse: false });
        }
      }),
    );
  });

  for (const id of ["", "a.b", "a b", "a\n", "é", "x".repeat(257)]) {
    it(`refuses the id ${JSON.stringify(id).slice(0, 20)}`, () => {
      expectOptionInvalid(() => signWebhook({ id, timestampS: 1, body: BODY }, KEYS));
    });
  }

  for (const timestampS of [-1, 1.5, NaN, Infinity, 1e12, 1e21]) {
    it(`refuses the timestamp ${timestampS}`, () => {
      expectOptionInvalid(() => signWebhook({ id: ID, timestampS, body: BODY }, KEYS));
    });
  }

  it("refuses keys of which none can sign", () => {
    const keys = new WebhookKeys([`whpk_${Buffer.alloc(32, 1).toString("base64")}`]);
    expectOptionInvalid(() => signWebhook({ id: ID, timestampS: 1, body: BODY }, keys));
  });
});

describe("verifyWebhook", () => {
  it("takes the example of Standard Webhooks", () => {
    const webhook = { headers: HEADERS, body: BODY, nowMs: NOW_MS };
    expect(verifyWebhook(webhook, KEYS)).to.deep.equal(VALID);
  });

  it("takes what signWebhook signed, whatever the bytes", () => {
    const timestamps = fc.integer({ min: 0, max: 999_999_999_999 });
    fc.assert(
      fc.property(ids, timestamps, fc.uint8Array(), secrets, (id, timestampS, body, secret) => {
        fc.pre(!id.includes("."));
        const keys = new WebhookKeys([secret, SECRET]);
        const headers = { ...signWebhook({ id, timestampS, body }, keys) };
        const webhook = { headers, body, nowMs: timestampS * 1000 };
        for (const receiver of [keys, KEYS, new WebhookKeys([secret])]) {
          const expected = { type: "valid", id, timestampS };
          expect(verifyWebhook(webhook, receiver)).to.deep.equal(expected);
        }
      }),
    );
  });

  it("takes what the reference library signed", () => {
    const text = fc.string({ unit: "binary" }).map((value) => Buffer.from(value).toString());
    fc.assert(
      fc.property(text, secrets, (body, secret) => {
        const signature = new Webhook(secret).sign(ID, new Date(NOW_MS), body);
        const headers = { ...HEADERS, "webhook-signature": signature };
        expect(verdict({ headers, body: bytesOf(body) }, new WebhookKeys([secret]))).to.equal(
          "valid",
        );
      }),
    );
  });

  it("refuses a body of which one bit was changed", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), fc.nat(7), (body, place, bit) => {
        const headers = { ...signWebhook({ id: ID, timestampS: TIMESTAMP_S, body }, KEYS) };
        const changed = Uint8Array.from(body);
        const at = place % body.length;
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        expect(verdict({ headers, body: changed })).to.equal("no-match");
      }),
    );
  });

  it("refuses another id, another time, another key", () => {
    expect(verdictOf("webhook-id", "msg_1")).to.equal("no-match");
    expect(verdictOf("webhook-timestamp", String(TIMESTAMP_S + 1))).to.equal("no-match");
    const another = new WebhookKeys([`whsec_${Buffer.alloc(24).toString("base64")}`]);
    expect(verdict({}, another)).to.equal("no-match");
  });

  it("never throws and never takes what nobody signed, whatever the headers", () => {
    const value = fc.option(
      fc.oneof(fc.string(), fc.array(fc.string()), fc.string({ unit: "binary" })),
      {
        nil: undefined,
      },
    );
    const names = fc.constantFrom(...Object.keys(HEADERS), "Webhook-Id", "x");
    fc.assert(
      fc.property(fc.dictionary(names, value), fc.uint8Array(), (headers, body) => {
        expect(verdict({ headers, body })).not.to.equal("valid");
      }),
    );
  });

  it("does not let the body pass for a part of the id", () => {
    const body = bytesOf(`${TIMESTAMP_S}.rest`);
    const signed = signWebhook({ id: ID, timestampS: TIMESTAMP_S - 1, body }, KEYS);
    const id = `${ID}.${TIMESTAMP_S - 1}`;
    const headers = { ...signed, "webhook-id": id, "webhook-timestamp": String(TIMESTAMP_S) };
    expect(verdict({ headers, body: bytesOf("rest") })).to.equal("id-malformed");
  });

  describe("the time", () => {
    const cases: [string, number, string][] = [
      ["as old as may be", 300_000, "valid"],
      ["a ms older", 300_001, "too-old"],
      ["as far in the future as may be", -300_000, "valid"],
      ["a ms further", -300_001, "too-new"],
      ["no number", NaN, "too-old"],
    ];
    for (const [name, ageMs, expected] of cases) {
      it(`says ${expected} of one ${name}`, () => {
        expect(verdict({ nowMs: NOW_MS + ageMs })).to.equal(expected);
      });
    }

    it("goes by another tolerance where one is given, and takes nothing where it is no number", () => {
      expect(verdict({ nowMs: NOW_MS + 10_001, toleranceS: 10 })).to.equal("too-old");
      expect(verdict({ nowMs: NOW_MS + 10_000, toleranceS: 10 })).to.equal("valid");
      expect(verdict({ toleranceS: NaN })).to.equal("too-old");
    });

    for (const text of [
      "",
      "x",
      "-1",
      "+1",
      "1.5",
      "1e9",
      "0x1",
      " 1",
      "1 ",
      "01",
      "1, 2",
      "9".repeat(13),
    ]) {
      it(`says that ${JSON.stringify(text)} is malformed`, () => {
        expect(verdictOf("webhook-timestamp", text)).to.equal("timestamp-malformed");
      });
    }
  });

  describe("the headers", () => {
    for (const name of Object.keys(HEADERS) as (keyof typeof HEADERS)[]) {
      it(`says that ${name} is missing, or came twice`, () => {
        expect(verdictOf(name, undefined)).to.equal("header-missing");
        expect(verdictOf(name, [])).to.equal("header-missing");
        expect(verdictOf(name, [HEADERS[name]])).to.equal("valid");
        expect(verdictOf(name, [HEADERS[name], HEADERS[name]])).to.equal("header-repeated");
        const twice = { ...HEADERS, [name.toUpperCase()]: HEADERS[name] };
        expect(verdict({ headers: twice })).to.equal("header-repeated");
      });

      it(`refuses two ${name} that Node joined`, () => {
        expect(verdictOf(name, `${HEADERS[name]}, ${HEADERS[name]}`)).to.match(/-malformed$/);
      });
    }

    it("may be in any case", () => {
      const upper: Record<string, string> = {};
      for (const [name, value] of Object.entries(HEADERS)) upper[name.toUpperCase()] = value;
      expect(verdict({ headers: upper })).to.equal("valid");
    });

    for (const id of ["", "a.b", "a b", "a\tb", "a\0", "é", "x".repeat(257)]) {
      it(`says that the id ${JSON.stringify(id).slice(0, 20)} is malformed`, () => {
        expect(verdictOf("webhook-id", id)).to.equal("id-malformed");
      });
    }
  });

  describe("the signatures", () => {
    it("may be of versions that nobody knows, and of keys that are not live", () => {
      const other = `v1,${"A".repeat(43)}=`;
      for (const list of [
        `v9,whatever ${SIGNATURE}`,
        `v1a,AAAA ${SIGNATURE}`,
        `${other} ${SIGNATURE} ${other}`,
        [...Array<string>(31).fill(other), SIGNATURE].join(" "),
      ]) {
        expect(verdictOf("webhook-signature", list)).to.equal("valid");
      }
    });

    for (const list of ["v9,whatever", SIGNATURE.replace("v1,", "v1a,"), SIGNATURE.slice(0, -1)]) {
      it(`do not match where all there is is ${list}`, () => {
        expect(verdictOf("webhook-signature", list)).to.equal("no-match");
      });
    }

    for (const list of [
      "",
      "v1",
      "v1,",
      ",x",
      "x,y",
      SIGNATURE.slice(3),
      ` ${SIGNATURE}`,
      `${SIGNATURE} `,
      `${SIGNATURE}  ${SIGNATURE}`,
      `${SIGNATURE},${SIGNATURE}`,
      Array<string>(33).fill(SIGNATURE).join(" "),
      `${SIGNATURE} v2,${"x".repeat(5000)}`,
    ]) {
      it(`are malformed as ${JSON.stringify(list).slice(0, 60)}`, () => {
        expect(verdictOf("webhook-signature", list)).to.equal("signature-malformed");
      });
    }
  });
});
