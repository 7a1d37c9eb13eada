import { expect } from "chai";
import fc from "fast-check";
import { decodeText, encodeText, isPlainText, isWellFormed, textBytes } from "../src/text.ts";
import { hex } from "./support.ts";

const well = fc.string({ unit: "binary", maxLength: 100 });
/** Any UTF-16 units, including halves of pairs. */
const any = fc.string({
  unit: fc.oneof(
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
    fc.constantFrom("a", "😀", "\ud83d", "\ude00"),
  ),
});

describe("text", () => {
  it("gives back any text, also from between two indexes", () => {
    fc.assert(
      fc.property(well, (original) => {
        const bytes = encodeText(`<${original}>`);
        expect(decodeText(bytes, 1, bytes.length - 1)).to.equal(original);
      }),
      { numRuns: 1000 },
    );
  });

  it("writes UTF-8 as Buffer does", () => {
    fc.assert(
      fc.property(any, (text) => {
        expect(hex(encodeText(text))).to.equal(Buffer.from(text, "utf8").toString("hex"));
      }),
    );
  });

  it("tells bytes that are UTF-8 from those that are not", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.tuple(well, fc.uint8Array({ maxLength: 3 })).map(([text, rest]) => {
        return Uint8Array.from([...encodeText(text), ...rest]);
      }),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        const text = Buffer.from(input).toString("utf8");
        const isUtf8 = Buffer.from(text, "utf8").equals(input);
        expect(decodeText(input, 0, input.length)).to.equal(isUtf8 ? text : undefined);
      }),
      { numRuns: 3000 },
    );
  });

  it("reads long and short ASCII alike", () => {
    for (const length of [0, 1, 47, 48, 49, 255]) {
      const text = "x".repeat(length);
      expect(decodeText(encodeText(text), 0, length)).to.equal(text);
    }
  });

  it("keeps a byte order mark", () => {
    expect(decodeText(encodeText("\uFEFFa"), 0, 4)).to.equal("\uFEFFa");
    const long = `\uFEFF${"a".repeat(100)}`;
    expect(decodeText(encodeText(long), 0, 103)).to.equal(long);
  });

  it("counts bytes as Buffer does", () => {
    fc.assert(
      fc.property(any, (text) => {
        expect(textBytes(text)).to.equal(Buffer.byteLength(text, "utf8"));
      }),
      { numRuns: 3000 },
    );
  });

  it("tells text that UTF-8 can hold from text that it cannot", () => {
    fc.assert(
      fc.property(any, (text) => {
        expect(isWellFormed(text)).to.equal(Buffer.from(text, "utf8").toString("utf8") === text);
      }),
      { numRuns: 3000 },
    );
  });

  it("finds every control character and every half of a pair, and nothing else", () => {
    for (let code = 0; code <= 0xffff; code += 1) {
      const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
      const isHalf = code >= 0xd800 && code <= 0xdfff;
      if (isPlainText(`a${String.fromCharCode(code)}b`) !== !(isControl || isHalf)) {
        expect.fail(`U+${code.toString(16)}`);
      }
    }
    expect(isPlainText("")).to.equal(true);
    expect(isPlainText("😀")).to.equal(true);
  });
});
