import { expect } from "chai";
import fc from "fast-check";
import { RETRY_SCHEDULE_MS, retryDelayMs } from "../src/retry-delay.ts";

describe("retryDelayMs", () => {
  it("is what Standard Webhooks has, and ends", () => {
    const delays = Array.from(
      { length: 10 },
      (_, attempt) => (retryDelayMs(attempt, 0) ?? NaN) / 1000,
    );
    const hours = [2, 5, 10, 14, 20, 24].map((hour) => hour * 3600);
    expect(delays).to.deep.equal([0, 5, 300, 1800, ...hours]);
    expect(retryDelayMs(10, 0)).to.equal(undefined);
  });

  it("is never sooner than the schedule, and at most a tenth later", () => {
    const randoms = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), randoms, (attempt, random) => {
        const scheduled = RETRY_SCHEDULE_MS[attempt] ?? NaN;
        expect(retryDelayMs(attempt, random)).to.be.within(scheduled, scheduled * 1.1);
      }),
    );
  });

  it("goes by another schedule where one is given", () => {
    expect(retryDelayMs(0, 0.5, [100])).to.equal(105);
    expect(retryDelayMs(1, 0.5, [100])).to.equal(undefined);
    expect(retryDelayMs(0, 0.5, [])).to.equal(undefined);
  });
});
