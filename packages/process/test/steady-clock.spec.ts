import { expect } from "chai";
import { SteadyClock } from "../src/steady-clock.ts";

const HOUR_MS = 3_600_000;

describe("the steady clock", () => {
  let wall: number;
  let steady: number;
  let clock: SteadyClock;

  beforeEach(() => {
    wall = 1_700_000_000_000;
    steady = 5000;
    clock = new SteadyClock(
      () => wall,
      () => steady,
    );
  });

  function pass(ms: number): void {
    wall += ms;
    steady += ms;
  }

  it("goes with the system's, small corrections and all", () => {
    for (const correction of [0, 300, -500, 900, -900]) {
      pass(1000);
      wall += correction;
      expect(clock.now()).to.equal(wall);
    }
  });

  for (const jump of [3 * 24 * HOUR_MS, HOUR_MS, -HOUR_MS, -3 * 24 * HOUR_MS]) {
    it(`takes no notice of a clock that is set by ${jump / HOUR_MS} hours for some seconds`, () => {
      const right = wall;
      wall += jump;
      for (let second = 1; second <= 30; second += 1) {
        pass(1000);
        expect(clock.now()).to.equal(right + second * 1000);
      }
      wall -= jump;
      pass(1000);
      expect(clock.now()).to.equal(right + 31_000);
      expect(clock.now()).to.equal(wall);
    });

    it(`follows one that stays set by ${jump / HOUR_MS} hours`, () => {
      clock.now();
      wall += jump;
      for (let second = 1; second <= 70; second += 1) {
        pass(1000);
        clock.now();
      }
      expect(clock.now()).to.equal(wall);
    });
  }

  it("waits anew where the clock is set again and again", () => {
    const right = wall;
    for (let round = 1; round <= 20; round += 1) {
      wall += HOUR_MS;
      pass(30_000);
      expect(clock.now()).to.equal(right + round * 30_000);
    }
  });
});
