import { expect } from "chai";
import fc from "fast-check";
import { backoffMs } from "../src/backoff.ts";

const OPTIONS = { minMs: 100, maxMs: 20_000 };
/** The largest number that a random source returns. */
const ALMOST_ONE = 1 - 2 ** -53;

describe("backoffMs", () => {
  it("stays between the least and the most, whatever the attempt", () => {
    const attempts = fc.oneof(fc.nat({ max: 40 }), fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER));
    const random = fc.double({ min: 0, max: ALMOST_ONE, noNaN: true });
    fc.assert(
      fc.property(
        fc.nat({ max: 5000 }),
        fc.nat({ max: 60_000 }),
        attempts,
        random,
        (a, b, n, r) => {
          const options = { minMs: Math.min(a, b), maxMs: Math.max(a, b) };
          const wait = backoffMs(options, n, r);
          expect(wait).to.be.within(options.minMs, options.maxMs);
          expect(Number.isInteger(wait)).to.equal(true);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("doubles its ceiling with each attempt, up to the most", () => {
    const ceilings = [0, 1, 2, 3, 6, 7, 8, 100].map((n) => backoffMs(OPTIONS, n, ALMOST_ONE));
    expect(ceilings).to.deep.equal([200, 400, 800, 1600, 12_800, 20_000, 20_000, 20_000]);
  });

  it("can always be as short as the least", () => {
    expect([0, 1, 5, 50].map((n) => backoffMs(OPTIONS, n, 0))).to.deep.equal([100, 100, 100, 100]);
  });

  it("spreads clients from the first attempt on", () => {
    const waits = [0, 0.25, 0.5, 0.75].map((random) => backoffMs(OPTIONS, 0, random));
    expect(waits).to.deep.equal([100, 125, 150, 175]);
  });

  it("never waits longer than the most, even where the least is more", () => {
    expect(backoffMs({ minMs: 500, maxMs: 100 }, 3, 0.5)).to.equal(100);
  });
});
