import { expect } from "chai";
import fc from "fast-check";
import { parseRetryAfterMs } from "../src/retry-after.ts";

const NOW_MS = Date.UTC(2025, 10, 6, 8, 49, 0);
const DAY_MS = 86_400_000;

describe("parseRetryAfterMs", () => {
  const cases: [string | undefined, number | undefined][] = [
    ["0", 0],
    ["1", 1000],
    [" 120 ", 120_000],
    ["86400", DAY_MS],
    ["86401", DAY_MS],
    ["9".repeat(400), DAY_MS],
    ["Thu, 06 Nov 2025 08:49:37 GMT", 37_000],
    ["Thursday, 06-Nov-25 08:49:37 GMT", 37_000],
    ["Thu Nov  6 08:49:37 2025", 37_000],
    ["Thu, 06 Nov 2025 08:48:59 GMT", 0],
    ["Sunday, 06-Nov-94 08:49:37 GMT", 0],
    ["Sun Nov  6 08:49:37 1994", 0],
    ["Sat, 06 Nov 2027 08:49:37 GMT", DAY_MS],
    ["Saturday, 06-Nov-27 08:49:37 GMT", DAY_MS],
    [undefined, undefined],
    ["", undefined],
    ["-1", undefined],
    ["1.5", undefined],
    ["1e3", undefined],
    ["0x10", undefined],
    ["soon", undefined],
    ["120, 240", undefined],
    ["2025-11-06T08:49:37Z", undefined],
    ["Thu, 06 Nov 2025 08:49:37 +0100", undefined],
    ["Thu, 06 Xyz 2025 08:49:37 GMT", undefined],
    ["06 Nov 2025", undefined],
  ];
  for (const [text, expected] of cases) {
    it(`reads ${String(text).slice(0, 40)} as ${expected ?? "nothing"}`, () => {
      expect(parseRetryAfterMs(text, NOW_MS)).to.equal(expected);
    });
  }

  it("is never negative, never over a day, never NaN", () => {
    fc.assert(
      fc.property(fc.string(), fc.double(), (text, nowMs) => {
        const delayMs = parseRetryAfterMs(text, nowMs);
        if (delayMs !== undefined) expect(delayMs).to.be.within(0, DAY_MS);
      }),
    );
  });

  it("reads every date that toUTCString writes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 86_400 }), (seconds) => {
        const text = new Date(NOW_MS + seconds * 1000).toUTCString();
        expect(parseRetryAfterMs(text, NOW_MS)).to.equal(seconds * 1000);
      }),
    );
  });
});
