import { expect } from "chai";
import { PacedText } from "../src/paced-text.ts";

describe("PacedText", () => {
  let now: number;
  let madeCount: number;
  let tookMs: number;
  let text: PacedText;

  beforeEach(() => {
    now = 1000;
    madeCount = 0;
    tookMs = 10;
    text = new PacedText(
      () => {
        now += tookMs;
        madeCount += 1;
        return Promise.resolve(`text ${madeCount}`);
      },
      () => now,
    );
  });

  it("makes a text for each who asks now and then", async () => {
    for (let count = 1; count <= 100; count += 1) {
      expect(await text.get()).to.equal(`text ${count}`);
      now += 10 * tookMs;
    }
  });

  it("makes one text for all who ask at once", async () => {
    const texts = await Promise.all(Array.from({ length: 1000 }, () => text.get()));
    expect(new Set(texts)).to.deep.equal(new Set(["text 1"]));
  });

  it("takes a tenth of the time where it is asked without end, beyond a burst", async () => {
    const end = now + 100_000;
    while (now < end) {
      await text.get();
      now += 1;
    }
    expect(madeCount * tookMs).to.be.within(9000, 11_000);
    const last = await text.get();
    now += 1000;
    expect(await text.get()).not.to.equal(last);
  });

  it("tries again where it could not be made", async () => {
    let isBroken = true;
    const fragile = new PacedText(() =>
      isBroken ? Promise.reject(new Error("broken")) : Promise.resolve("whole"),
    );
    const failed = await fragile.get().catch((error: unknown) => (error as Error).message);
    isBroken = false;
    expect([failed, await fragile.get()]).to.deep.equal(["broken", "whole"]);
  });
});
