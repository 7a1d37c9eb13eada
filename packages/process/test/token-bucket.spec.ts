import { expect } from "chai";
import fc from "fast-check";
import { TokenBucket } from "../src/token-bucket.ts";

describe("TokenBucket", () => {
  it("gives two seconds' worth at once, and then as much as comes", () => {
    const bucket = new TokenBucket(10, 0);
    const take = (now: number): number => {
      let taken = 0;
      while (bucket.take(1, now)) taken += 1;
      return taken;
    };
    expect([take(0), take(99), take(100), take(1100), take(60_000)]).to.deep.equal([
      20, 0, 1, 10, 20,
    ]);
  });

  it("takes what is larger than the rest, and then waits for longer", () => {
    const bucket = new TokenBucket(10, 0);
    expect(bucket.take(1000, 0)).to.equal(true);
    expect([bucket.take(1, 50_000), bucket.take(1, 98_000), bucket.take(1, 98_100)]).to.deep.equal([
      false,
      false,
      true,
    ]);
  });

  it("gives nothing for a clock that is set back", () => {
    const bucket = new TokenBucket(1, 1_000_000);
    expect([bucket.take(2, 1_000_000), bucket.take(1, 0), bucket.take(1, 1000)]).to.deep.equal([
      true,
      false,
      true,
    ]);
  });

  it("takes back no more than there is room for", () => {
    const bucket = new TokenBucket(1, 0);
    bucket.giveBack(1000);
    expect([bucket.take(2, 0), bucket.take(1, 0)]).to.deep.equal([true, false]);
    bucket.giveBack(1);
    expect(bucket.isFull(0)).to.equal(false);
    expect(bucket.isFull(1000)).to.equal(true);
  });

  it("has a burst of its own, and tells when the next unit comes", () => {
    const bucket = new TokenBucket(10, 0, 3);
    expect([0, 0, 0, 0].map((now) => bucket.take(1, now))).to.deep.equal([true, true, true, false]);
    expect(bucket.waitMs(0)).to.equal(100);
    expect(bucket.waitMs(50)).to.equal(50);
    expect([50, 100, 100, 200].map((now) => bucket.take(1, now))).to.deep.equal([
      false,
      true,
      false,
      true,
    ]);
  });

  it("lets one unit pass at once, however low its rate", () => {
    const bucket = new TokenBucket(0.1, 0);
    expect([0, 0, 10_000].map((now) => bucket.take(1, now))).to.deep.equal([true, false, true]);
  });

  it("has no limit where there is none", () => {
    const bucket = new TokenBucket(Infinity, 0);
    expect(bucket.take(1e300, 0) && bucket.take(1e300, -1)).to.equal(true);
    expect(bucket.isFull(0)).to.equal(true);
  });

  it("never gives more than its rate and what it held at first", () => {
    const step = fc.record({ ms: fc.nat(5000), units: fc.integer({ min: 1, max: 50 }) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(step), (rate, steps) => {
        const bucket = new TokenBucket(rate, 0);
        let now = 0;
        let taken = 0;
        for (const { ms, units } of steps) {
          now += ms;
          const before = taken;
          if (bucket.take(units, now)) taken += units;
          // Only the last request may exceed the limit.
          expect(before).to.be.at.most(rate * 2 + (rate * now) / 1000 + 50);
        }
      }),
    );
  });
});
