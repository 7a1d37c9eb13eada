import { expect } from "chai";
import fc from "fast-check";
import { TokenBucket } from "../src/token-bucket.ts";

describe("a token bucket", () => {
  it("lets the burst pass at once, then so many a second", () => {
    const bucket = new TokenBucket(10, 3, 0);
    expect([0, 0, 0, 0].map((now) => bucket.take(now))).to.deep.equal([true, true, true, false]);
    expect([50, 100, 100, 200].map((now) => bucket.take(now))).to.deep.equal([
      false,
      true,
      false,
      true,
    ]);
  });

  it("never lets more pass than the burst and what was earned", () => {
    const steps = fc.array(fc.nat({ max: 500 }), { maxLength: 200 });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 50 }),
        steps,
        (rate, burst, waits) => {
          const bucket = new TokenBucket(rate, burst, 0);
          let now = 0;
          let taken = 0;
          for (const waitMs of waits) {
            now += waitMs;
            if (bucket.take(now)) taken += 1;
          }
          expect(taken).to.be.at.most(burst + (now / 1000) * rate + 1e-6);
        },
      ),
    );
  });
});
