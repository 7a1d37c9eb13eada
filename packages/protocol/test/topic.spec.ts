import { expect } from "chai";
import fc from "fast-check";
import { topicFault } from "../src/topic.ts";
import { utf8 } from "./support.ts";

describe("topicFault", () => {
  const good = [
    "a",
    " ",
    "news",
    "a/b/c",
    "a$",
    "日本語",
    "العربية",
    "עברית",
    "हिन्दी",
    "ไทย",
    "한국어",
    "Ελληνικά",
    "кириллица",
    "😀👩‍👩‍👧",
    "e\u0301",
    "\uFEFF",
    "__proto__",
    "constructor",
    "x".repeat(255),
    "é".repeat(127) + "x",
    "日".repeat(85),
    "😀".repeat(63) + "xyz",
  ];
  for (const topic of good) {
    it(`takes "${topic.slice(0, 20)}" of ${utf8(topic).length} bytes`, () => {
      expect(topicFault(topic)).to.equal(undefined);
    });
  }

  const bad: readonly (readonly [string, string])[] = [
    ["the empty text", ""],
    ["256 ASCII bytes", "x".repeat(256)],
    ["256 bytes of two-byte letters", "é".repeat(128)],
    ["258 bytes of three-byte letters", "日".repeat(86)],
    ["256 bytes of four-byte letters", "😀".repeat(64)],
    ["a megabyte", "x".repeat(1_000_000)],
    ["NUL", "a\0b"],
    ["a line feed", "a\n"],
    ["DEL", "\x7f"],
    ["a C1 control character", "\x85"],
    ["half of a surrogate pair in front", "\udc00a"],
    ["half of a surrogate pair at the end", "a\ud800"],
    ["the halves of a pair in the wrong order", "\udc00\ud800"],
    ["a control character behind $", "$\0"],
  ];
  for (const [what, topic] of bad) {
    it(`refuses ${what}`, () => {
      expect(topicFault(topic)).to.equal("SHARDCAST_TOPIC_INVALID");
    });
  }

  it("keeps topics that begin with $ for the system", () => {
    expect(topicFault("$")).to.equal("SHARDCAST_TOPIC_RESERVED");
    expect(topicFault("$presence")).to.equal("SHARDCAST_TOPIC_RESERVED");
  });

  it("follows the rule for any text", () => {
    const unit = fc.oneof(
      fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
      fc.constantFrom("a", "é", "日", "😀", "$"),
    );
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 300 }), (topic) => {
        const bytes = Buffer.from(topic, "utf8");
        const hasUtf8 = bytes.toString("utf8") === topic;
        const hasControl = Array.from(topic).some((character) => {
          const code = character.codePointAt(0) ?? 0;
          return code < 0x20 || (code >= 0x7f && code <= 0x9f);
        });
        const isInvalid = bytes.length < 1 || bytes.length > 255 || !hasUtf8 || hasControl;
        const expected = isInvalid
          ? "SHARDCAST_TOPIC_INVALID"
          : topic.startsWith("$")
            ? "SHARDCAST_TOPIC_RESERVED"
            : undefined;
        expect(topicFault(topic)).to.equal(expected);
      }),
      { numRuns: 3000 },
    );
  });
});
