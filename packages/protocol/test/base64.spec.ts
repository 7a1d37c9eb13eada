import { expect } from "chai";
import fc from "fast-check";
import { decodeBase64, encodeBase64 } from "../src/base64.ts";
import { hex } from "./support.ts";

describe("base64", () => {
  it("writes what Buffer writes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(encodeBase64(bytes)).to.equal(Buffer.from(bytes).toString("base64"));
      }),
      { numRuns: 1000 },
    );
  });

  it("reads what Buffer writes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const decoded = decodeBase64(Buffer.from(bytes).toString("base64"));
        expect(hex(decoded ?? Uint8Array.of(0xde, 0xad))).to.equal(hex(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  it("carries a megabyte", () => {
    const bytes = Uint8Array.from({ length: 1_048_577 }, (_, index) => (index * 31) & 0xff);
    const text = encodeBase64(bytes);
    expect(text === Buffer.from(bytes).toString("base64")).to.equal(true);
    expect(Buffer.compare(decodeBase64(text) ?? new Uint8Array(0), bytes)).to.equal(0);
  });

  it("takes a text exactly where it is the one that stands for its bytes", () => {
    const unit = fc.constantFrom(...Array.from("ABZaz09+/=-_ \n\0é日"));
    const likely = fc.constantFrom("A", "Q", "g", "w", "=");
    const text = fc.oneof(
      fc.string({ unit, maxLength: 12 }),
      fc.string({ unit: likely, maxLength: 8 }),
      fc.base64String(),
    );
    fc.assert(
      fc.property(text, (candidate) => {
        const bytes = Buffer.from(candidate, "base64");
        const isCanonical = bytes.toString("base64") === candidate;
        const decoded = decodeBase64(candidate);
        expect(decoded !== undefined).to.equal(isCanonical);
        if (decoded !== undefined) expect(hex(decoded)).to.equal(hex(bytes));
      }),
      { numRuns: 5000 },
    );
  });

  for (const text of [
    "A",
    "AA",
    "AAA",
    "A===",
    "====",
    "=",
    "AA=A",
    "AB==",
    "AAB=",
    "AA\n=",
    "é===",
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(decodeBase64(text)).to.equal(undefined);
    });
  }
});
