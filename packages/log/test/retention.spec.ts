import { expect } from "chai";
import { RetentionRules, parseRetentionRules } from "../src/retention.ts";

const DEFAULTS = { count: 10, bytes: 1000, ageMs: 5000 };

describe("RetentionRules", () => {
  it("goes by the first rule that fits, and by the defaults for what that leaves out", () => {
    const rules = new RetentionRules(DEFAULTS, [
      { topics: "chat/vip", count: 99 },
      { topics: "chat/*", ageMs: 1 },
      { topics: "*", bytes: 7 },
    ]);
    expect(rules.of("chat/vip")).to.include({ ...DEFAULTS, count: 99 });
    expect(rules.of("chat/all")).to.include({ ...DEFAULTS, ageMs: 1 });
    expect(rules.of("news")).to.include({ ...DEFAULTS, bytes: 7 });
    expect(new RetentionRules(DEFAULTS).of("news")).to.deep.equal(DEFAULTS);
  });

  it("is read from a configuration", () => {
    const rules = [{ topics: "a*", count: 1, bytes: 2, ageMs: 3 }, { topics: "*" }];
    expect(parseRetentionRules(rules)).to.deep.equal(rules);
  });

  for (const [value, fault] of [
    [{}, "is a list of rules"],
    [[7], "rule 1 is no object"],
    [[null], "rule 1 is no object"],
    [[{ topics: "a" }, { count: 1 }], 'rule 2 needs "topics"'],
    [[{ topics: "" }], 'rule 1 needs "topics"'],
    [[{ topics: "a", age: 1 }], 'rule 1 has "age"; there are count, bytes, ageMs'],
    [[{ topics: "a", count: 0 }], '"count" is a whole number above 0'],
    [[{ topics: "a", count: "5" }], '"count" is a whole number above 0'],
    [[{ topics: "a", bytes: 1.5 }], '"bytes" is a whole number above 0'],
  ] as const) {
    it(`refuses ${JSON.stringify(value)}`, () => {
      expect(() => parseRetentionRules(value))
        .to.throw(fault)
        .with.property("code", "SHARDCAST_OPTION_INVALID");
    });
  }
});
