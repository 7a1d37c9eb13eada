import { expect } from "chai";
import fc from "fast-check";
import { ShardcastError } from "../src/errors.ts";
import {
  ACTIONS,
  Permissions,
  parseGrantText,
  parseGrants,
  type Grant,
} from "../src/permissions.ts";
import { TopicPattern, topicPatternFault } from "../src/topic-pattern.ts";

function codeOf(run: () => unknown): string {
  try {
    run();
    return "ok";
  } catch (error) {
    if (error instanceof ShardcastError) return error.code;
    throw error;
  }
}

describe("Permissions", () => {
  it("allow what one of the grants names, and nothing else", () => {
    const permissions = new Permissions([
      { topics: ["chat/*", "news"], allow: ["publish", "subscribe"] },
      { topics: ["chat/1"], allow: ["history"] },
      { topics: ["other"], allow: [] },
      { topics: [], allow: ["presence"] },
    ]);
    const allowed = (topic: string): string[] =>
      ACTIONS.filter((action) => permissions.allows(action, topic));
    expect(allowed("chat/1")).to.deep.equal(["publish", "subscribe", "history"]);
    expect(allowed("chat/2")).to.deep.equal(["publish", "subscribe"]);
    expect(allowed("news")).to.deep.equal(["publish", "subscribe"]);
    for (const topic of [
      "",
      "chat",
      "Chat/1",
      "chat/1 ".trim().toUpperCase(),
      "news/",
      "other",
      "$chat/1",
    ]) {
      expect(allowed(topic), topic).to.deep.equal([]);
    }
  });

  it("take one action for no other one", () => {
    for (const action of ACTIONS) {
      const permissions = new Permissions([{ topics: ["*"], allow: [action] }]);
      expect(ACTIONS.filter((other) => permissions.allows(other, "news"))).to.deep.equal([action]);
    }
  });

  it("give the system's topics only where a pattern names them", () => {
    const allows = (pattern: string, topic: string): boolean =>
      new Permissions([{ topics: [pattern], allow: ["subscribe"] }]).allows("subscribe", topic);
    for (const topic of ["$events/a", "$presence/a", "$"]) {
      expect(
        ["*", "**", "*a", "*$*", "*events*"].some((pattern) => allows(pattern, topic)),
      ).to.equal(false);
      expect(allows("$*", topic)).to.equal(true);
    }
  });

  it("go by the characters as they are: no case, no folding, no paths", () => {
    const permissions = new Permissions([{ topics: ["a/b/*", "café"], allow: ["subscribe"] }]);
    for (const topic of ["a/b/../../c", "a/b/%2e%2e", "a/b/\u202e", "a/b/\\", "a/b/ "]) {
      expect(permissions.allows("subscribe", topic), topic).to.equal(true);
    }
    for (const topic of [
      "a//b/c",
      "a/./b/c",
      "./a/b/c",
      "/a/b/c",
      "a\u2215b/c",
      "A/b/c",
      "cafe\u0301",
    ]) {
      expect(permissions.allows("subscribe", topic), topic).to.equal(false);
    }
  });

  it("are the union of their grants", () => {
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*"), minLength: 1, maxLength: 4 });
    const grant = fc.record({
      topics: fc.array(pattern, { maxLength: 3 }),
      allow: fc.subarray([...ACTIONS]),
    });
    const topic = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 5 });
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 4 }), topic, (grants, name) => {
        const permissions = new Permissions(grants);
        for (const action of ACTIONS) {
          const expected = grants.some(
            ({ topics, allow }) =>
              allow.includes(action) && topics.some((text) => new TopicPattern(text).matches(name)),
          );
          expect(permissions.allows(action, name)).to.equal(expected);
        }
      }),
    );
  });
});

describe("parseGrants", () => {
  it("reads the claim caps", () => {
    const grants: Grant[] = [{ topics: ["chat/*"], allow: ["publish", "presence"] }];
    expect(parseGrants(grants)).to.deep.equal(grants);
    expect(parseGrants([{ topics: ["a"], allow: [], more: 1 }])).to.deep.equal([
      { topics: ["a"], allow: [] },
    ]);
    expect(parseGrants([])).to.deep.equal([]);
  });

  it("takes 256 patterns and no more", () => {
    const grants = (count: number): unknown =>
      Array.from({ length: count }, () => ({ topics: ["a", "b"], allow: ["publish"] }));
    expect(codeOf(() => parseGrants(grants(128)))).to.equal("ok");
    expect(codeOf(() => parseGrants(grants(129)))).to.equal("SHARDCAST_TOKEN_INVALID");
  });

  it("reads or refuses whatever JSON there is, and what it has read is good", () => {
    const item = fc.record(
      {
        topics: fc.oneof(fc.array(fc.oneof(fc.string(), fc.jsonValue())), fc.jsonValue()),
        allow: fc.oneof(
          fc.array(fc.oneof(fc.constantFrom(...ACTIONS), fc.jsonValue())),
          fc.jsonValue(),
        ),
      },
      { requiredKeys: [] },
    );
    const value = fc.oneof(fc.jsonValue(), fc.array(fc.oneof(item, fc.jsonValue())));
    fc.assert(
      fc.property(value, (json) => {
        let grants: Grant[] = [];
        const code = codeOf(() => (grants = parseGrants(json)));
        expect(code).to.be.oneOf(["ok", "SHARDCAST_TOKEN_INVALID"]);
        for (const { topics, allow } of grants) {
          expect(
            topics.some((topic) => typeof topic !== "string" || topicPatternFault(topic)),
          ).to.equal(false);
          expect(ACTIONS).to.include.members([...allow]);
        }
      }),
    );
  });
});

describe("parseGrantText", () => {
  it("reads grants as people write them", () => {
    expect(parseGrantText("publish,subscribe:chat/*  history:a:b:c ")).to.deep.equal([
      { topics: ["chat/*"], allow: ["publish", "subscribe"] },
      { topics: ["a:b:c"], allow: ["history"] },
    ]);
    expect(parseGrantText("")).to.deep.equal([]);
  });

  for (const text of [
    ...["chat", ":chat", "publish:", "publish", "publish chat", "publish,:chat", ",:chat"],
    ...["Publish:chat", "*:chat", "all:chat", "publish;subscribe:chat", "publish, subscribe:chat"],
    ...[
      `publish:${"x".repeat(256)}`,
      "publish:a\tb",
      "publish:a\nb",
      "publish\t:a",
      "publish:ok bad",
    ],
  ]) {
    it(`refuses ${JSON.stringify(text).slice(0, 40)}`, () => {
      expect(codeOf(() => parseGrantText(text))).to.equal("SHARDCAST_OPTION_INVALID");
    });
  }
});
