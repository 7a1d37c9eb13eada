import { expect } from "chai";
import fc from "fast-check";
import { TopicPattern, topicPatternFault } from "../src/topic-pattern.ts";

describe("TopicPattern", () => {
  for (const [pattern, fits, fitsNot] of [
    ["news", ["news"], ["new", "newsy", "a news"]],
    ["*", ["", "anything", "a/b"], []],
    ["chat/*", ["chat/", "chat/a", "chat/a/b"], ["chat", "a chat/"]],
    ["*/log", ["/log", "a/log", "a/b/log"], ["a/logs", "log"]],
    ["a*c*e", ["ace", "abcde", "accce"], ["ac", "aec", "aced"]],
    ["ab*ba", ["abba", "abxba"], ["aba", "ab"]],
    ["a**b", ["ab", "axb"], ["a"]],
    ["a.c", ["a.c"], ["abc"]],
    ["*ab*ab*", ["abab", "xabyabz"], ["ab", "aab"]],
  ] as const) {
    it(`${pattern} stands for what it says`, () => {
      for (const topic of fits)
        expect(new TopicPattern(pattern).matches(topic), topic).to.equal(true);
      for (const topic of fitsNot)
        expect(new TopicPattern(pattern).matches(topic), topic).to.equal(false);
    });
  }

  it("gives the system's topics only to patterns that name them", () => {
    const fits = (pattern: string, topic: string): boolean =>
      new TopicPattern(pattern).matches(topic);
    expect(["*", "*a", "*$presence/a"].some((pattern) => fits(pattern, "$presence/a"))).to.equal(
      false,
    );
    expect(
      ["$*", "$presence/*", "$presence/a"].every((pattern) => fits(pattern, "$presence/a")),
    ).to.equal(true);
    expect(fits("*$", "a$")).to.equal(true);
  });

  it("agrees with a regular expression", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
    const topic = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 });
    fc.assert(
      fc.property(text, topic, (pattern, name) => {
        const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`, "s").test(name);
        expect(new TopicPattern(pattern).matches(name)).to.equal(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it("is not made slow by any pattern", () => {
    expect(new TopicPattern("*a".repeat(120) + "*b").matches("a".repeat(255))).to.equal(false);
  });
});

describe("topicPatternFault", () => {
  it("wants 1 to 255 characters, none of them a control character", () => {
    expect(["chat/*", "*", "x".repeat(255)].some(topicPatternFault)).to.equal(false);
    expect(["", "a\nb", "x".repeat(256)].every(topicPatternFault)).to.equal(true);
  });
});
