import { expect } from "chai";
import { restartDelayMs } from "../src/supervised-node.ts";

describe("restartDelayMs", () => {
  it("doubles from 100 ms up to 5 s", () => {
    const delays = [0, 1, 2, 3, 4, 5, 6, 7, 10_000].map(restartDelayMs);

    expect(delays).to.deep.equal([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  });
});
