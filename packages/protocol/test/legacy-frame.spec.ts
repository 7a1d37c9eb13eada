import { expect } from "chai";
import fc from "fast-check";
import { decodeLegacyFrame, encodeLegacyFrame, type LegacyFrame } from "../src/legacy-frame.ts";
import { codeOf } from "./support.ts";

const frame: fc.Arbitrary<LegacyFrame> = fc.oneof(
  fc.record({ type: fc.constant("challenge" as const), once: fc.maxSafeNat() }),
  fc.record({ type: fc.constant("answer" as const), answer: fc.string({ minLength: 1 }) }),
  fc.record({
    type: fc.constant("message" as const),
    topic: fc.string({ unit: "binary" }),
    data: fc.string({ unit: "binary" }),
  }),
  fc.record({
    type: fc.constantFrom("subscribe" as const, "unsubscribe" as const),
    topic: fc.string({ unit: "binary" }),
  }),
);

function decoded(value: unknown): LegacyFrame {
  return decodeLegacyFrame(JSON.stringify(value));
}

describe("legacy frames", () => {
  it("are what the original queue writes", () => {
    const examples: readonly (readonly [LegacyFrame, string])[] = [
      [{ type: "challenge", once: 255 }, '{"t":"h","o":255}'],
      [{ type: "answer", answer: "GmAJ7Wi+/k=" }, '{"t":"h","a":"GmAJ7Wi+/k="}'],
      [
        { type: "message", topic: "topic0", data: 'ñ "1"\n' },
        '{"t":"m","d":"ñ \\"1\\"\\n","s":"topic0"}',
      ],
      [{ type: "subscribe", topic: "日本" }, '{"t":"s","s":"日本"}'],
      [{ type: "unsubscribe", topic: "\0" }, '{"t":"u","s":"\\u0000"}'],
    ];
    for (const [example, text] of examples) {
      expect(encodeLegacyFrame(example)).to.equal(text);
      expect(decodeLegacyFrame(text)).to.deep.equal(example);
    }
  });

  it("survive the way over the wire", () => {
    fc.assert(
      fc.property(frame, (original) => {
        expect(decodeLegacyFrame(encodeLegacyFrame(original))).to.deep.equal(original);
      }),
    );
  });

  it("may have their fields in any order, and more of them", () => {
    expect(decodeLegacyFrame(' {"s":"a","x":{"y":[]},"d":"b","t":"m"} ')).to.deep.equal({
      type: "message",
      topic: "a",
      data: "b",
    });
  });

  it("read an h frame as the original does: an answer where there is one, else a challenge", () => {
    expect(decoded({ t: "h", o: 7, a: "x" })).to.deep.equal({ type: "answer", answer: "x" });
    for (const a of ["", null]) {
      expect(decoded({ t: "h", o: 7, a })).to.deep.equal({ type: "challenge", once: 7 });
    }
  });

  it("take a challenge of 0, which the original leaves without an answer", () => {
    expect(decoded({ t: "h", o: 0 })).to.deep.equal({ type: "challenge", once: 0 });
  });

  it("take no challenge but a whole number: the text that is hashed is not the sender's to choose", () => {
    const values = [
      ["a string", '"255"'],
      ["a string that extends a hash", '"ff\\u0080"'],
      ["an object with a toString", '{"toString":1}'],
      ["an array", "[255]"],
      ["true", "true"],
      ["null", "null"],
      ["a fraction", "0.5"],
      ["a negative", "-1"],
      ["more than a double holds", "9007199254740992"],
      ["infinity", "1e999"],
    ];
    for (const [what, value] of values) {
      expect(
        codeOf(() => decodeLegacyFrame(`{"t":"h","o":${value ?? ""}}`)),
        what,
      ).to.equal("SHARDCAST_FRAME_MALFORMED");
    }
  });

  it("refuse what is no frame", () => {
    const texts = [
      "",
      "x",
      "null",
      "0",
      '"h"',
      "[]",
      "{}",
      "{",
      '{"t":"h"}',
      '{"t":"h","a":1}',
      '{"t":"h","a":{"length":1}}',
      '{"t":"constructor"}',
      '{"t":"__proto__"}',
      '{"t":["m"],"s":"a","d":"b"}',
      '{"__proto__":{"t":"h","o":1}}',
      '{"t":"m"}',
      '{"t":"m","d":"x"}',
      '{"t":"m","s":"x"}',
      '{"t":"m","d":"x","s":null}',
      '{"t":"m","d":{},"s":"x"}',
      '{"t":"s"}',
      '{"t":"u","s":1}',
      "[".repeat(100_000),
      '{"t":'.repeat(100_000),
      `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
    ];
    for (const text of texts) {
      expect(
        codeOf(() => decodeLegacyFrame(text)),
        text.slice(0, 40),
      ).to.equal("SHARDCAST_FRAME_MALFORMED");
    }
  });

  it("refuse arbitrary text, or read a frame from it, and do nothing else", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc
        .record({ t: fc.constantFrom("h", "m", "s", "u"), o: fc.anything(), a: fc.anything() })
        .map((value) => {
          try {
            return JSON.stringify(value);
          } catch {
            return "";
          }
        }),
    );
    fc.assert(
      fc.property(text, (input) => {
        try {
          expect(decodeLegacyFrame(input)).to.have.property("type");
        } catch (error) {
          expect(error).to.have.property("code", "SHARDCAST_FRAME_MALFORMED");
        }
      }),
      { numRuns: 2000 },
    );
  });
});
