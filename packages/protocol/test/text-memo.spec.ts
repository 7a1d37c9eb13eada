import { expect } from "chai";
import fc from "fast-check";
import { decodeText } from "../src/text.ts";
import { TextMemo } from "../src/text-memo.ts";

describe("TextMemo", () => {
  it("decodes as decodeText does, again and again", () => {
    const memo = new TextMemo();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(80), (bytes, from) => {
        const start = Math.min(from, bytes.length);
        for (let time = 0; time < 2; time += 1) {
          expect(memo.decode(bytes, start, bytes.length)).to.equal(
            decodeText(bytes, start, bytes.length),
          );
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("keeps nothing of the bytes that it was given", () => {
    const memo = new TextMemo();
    const bytes = Buffer.from("news");
    expect(memo.decode(bytes, 0, 4)).to.equal("news");
    bytes.write("news");
    bytes.fill(0x61);
    expect(memo.decode(bytes, 0, 4)).to.equal("aaaa");
    expect(memo.decode(Buffer.from("news"), 0, 4)).to.equal("news");
  });
});
