import { expect } from "chai";
import { Random } from "../src/random.ts";

describe("Random", () => {
  it("gives the same numbers for the same seed, and others for another", () => {
    const numbers = (seed: number): number[] => {
      const random = new Random(seed);
      return Array.from({ length: 20 }, () => random.between(0, 1_000_000));
    };
    expect(numbers(7)).to.deep.equal(numbers(7));
    expect(numbers(7)).not.to.deep.equal(numbers(8));
  });

  it("stays within its ends, and reaches both", () => {
    const random = new Random(1);
    const drawn = new Set(Array.from({ length: 1000 }, () => random.between(3, 6)));
    expect([...drawn].sort()).to.deep.equal([3, 4, 5, 6]);
    expect(() => random.pick([])).to.throw(RangeError);
  });
});
