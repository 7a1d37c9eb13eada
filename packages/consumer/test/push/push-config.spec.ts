import { expect } from "chai";
import { parsePushConfig } from "../../src/push/push-config.ts";
import { decodePushEntry, encodePushEntry } from "../../src/push/push-entry.ts";
import { PushSubscription } from "../../src/push/push-subscription.ts";

const SECRET = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const GOOD = { topics: ["orders/*"], url: "https://hooks.example/in", keys: [SECRET] };

function subscriptionOf(fields: object): PushSubscription {
  const config = parsePushConfig("shop", { ...GOOD, ...fields });
  const life = { id: "1", createdAt: 1, disabled: null, source: "api" as const };
  return new PushSubscription({ name: "shop", config, ...life });
}

describe("parsePushConfig", () => {
  it("fills in what is left out", () => {
    expect(parsePushConfig("shop", GOOD)).to.deep.equal({
      ...GOOD,
      from: "created",
      retryMs: undefined,
      retryForMs: 0,
      timeoutMs: 15_000,
      concurrency: 16,
      deadLetter: "dead-letter/shop",
      enabled: true,
    });
  });

  it("gives up when the waits are over, or so long after the first attempt as it says", () => {
    const listed = subscriptionOf({ retryMs: [1000, 5000] });
    expect([1, 2, 3].map((attempts) => listed.retryDelayMs(attempts, 0, 0))).to.deep.equal([
      ...[1000, 5000, undefined],
    ]);
    const long = subscriptionOf({ retryMs: [1000, 5000], retryForMs: 60_000 });
    expect([2, 3, 99].map((attempts) => long.retryDelayMs(attempts, 59_999, 0))).to.deep.equal([
      ...[5000, 5000, 5000],
    ]);
    expect(long.retryDelayMs(3, 60_000, 0)).to.equal(undefined);
    expect(subscriptionOf({ retryMs: [], retryForMs: 1 }).retryDelayMs(1, 0, 0)).to.equal(100);
  });

  it("takes one secret for a list of keys, and its caller's keys for none", () => {
    const { topics, url } = GOOD;
    expect(parsePushConfig("shop", { topics, url, secret: SECRET }).keys).to.deep.equal([SECRET]);
    expect(parsePushConfig("shop", { topics, url }, [SECRET]).keys).to.deep.equal([SECRET]);
  });

  it("never repeats a key in what it says", () => {
    for (const keys of [[`${SECRET}=`], [SECRET.slice(0, 20)], [SECRET.replace("whsec", "x")]]) {
      expect(() => parsePushConfig("shop", { ...GOOD, keys }))
        .to.throw()
        .with.property("message");
      try {
        parsePushConfig("shop", { ...GOOD, keys });
      } catch (error) {
        expect(String(error)).not.to.include(SECRET.slice(6, 20));
      }
    }
  });

  it("refuses keys that only verify", () => {
    const keys = [`whpk_${Buffer.alloc(32, 1).toString("base64")}`];
    expect(() => parsePushConfig("shop", { ...GOOD, keys })).to.throw("no key can sign");
  });

  it("takes no patterns that would show the system's topics", () => {
    for (const pattern of ["$push", "$*", "$pus*", "$", "$events", "$presencex/*"]) {
      expect(() => parsePushConfig("shop", { ...GOOD, topics: [pattern] }), pattern).to.throw();
    }
    expect(subscriptionOf({ topics: ["*"] }).matches("$push")).to.equal(false);
    expect(subscriptionOf({ topics: ["$events/*"] }).matches("$events/links")).to.equal(true);
    expect(subscriptionOf({ topics: ["$presence/*"] }).matches("$presence/a")).to.equal(true);
  });
});

describe("PushSubscription", () => {
  it("is not given what it gave up", () => {
    const subscription = subscriptionOf({ topics: ["*"] });
    expect(subscription.matches("orders/1")).to.equal(true);
    expect(subscription.matches("dead-letter/shop")).to.equal(false);
    expect(subscription.matches("dead-letter/other")).to.equal(true);
  });

  it("describes itself without its keys", () => {
    const description = subscriptionOf({ retryMs: [1, 2] }).describe();
    expect(JSON.stringify(description)).not.to.include("whsec_");
    expect(description).to.include({ name: "shop", keys: 1, source: "api" });
    expect(description.retryMs).to.deep.equal([1, 2]);
  });
});

describe("an entry of $push", () => {
  it("comes back as it was", () => {
    const config = parsePushConfig("shop", { ...GOOD, retryMs: [5] });
    const entry = { name: "shop", at: 5, push: { id: "a", createdAt: 3, config }, disabled: null };
    expect(decodePushEntry(encodePushEntry(entry))).to.deep.equal(entry);
    const text = encodePushEntry({
      ...entry,
      push: { ...entry.push, config: { ...config, retryMs: undefined } },
    });
    expect(encodePushEntry(decodePushEntry(text))).to.equal(text);
    const deleted = { ...entry, push: null };
    expect(decodePushEntry(encodePushEntry(deleted))).to.deep.equal(deleted);
  });

  it("is refused where it is none, without a word of what was in it", () => {
    for (const text of ["", SECRET, "1", "null", "{}", '{"name":"a"}', '{"name":"a","at":"x"}']) {
      expect(() => decodePushEntry(text), text).to.throw();
      try {
        decodePushEntry(text);
      } catch (error) {
        expect(String(error)).not.to.include("whsec_");
      }
    }
  });
});
