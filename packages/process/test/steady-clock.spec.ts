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

  describe("tells what is too old", () => {
    it("not at all as long as the process might have begun with a wrong clock", () => {
      expect(clock.cutoff(HOUR_MS)).to.equal(0);
      pass(59_000);
      expect(clock.cutoff(HOUR_MS)).to.equal(0);
      pass(1000);
      expect(clock.cutoff(HOUR_MS)).to.equal(wall - HOUR_MS);
    });

    it("as soon as the process itself is older", () => {
      pass(1000);
      expect(clock.cutoff(1000)).to.equal(wall - 1000);
    });

    it("by the right clock where the one at the start was ahead for some seconds", () => {
      wall += 72 * HOUR_MS;
      clock = new SteadyClock(
        () => wall,
        () => steady,
      );
      pass(5000);
      wall -= 72 * HOUR_MS;
      for (let second = 1; second <= 600; second += 1) {
        pass(1000);
        expect(clock.cutoff(HOUR_MS)).to.be.at.most(wall - HOUR_MS);
      }
      expect(clock.cutoff(HOUR_MS)).to.equal(wall - HOUR_MS);
    });

    it("by the clock that stamped it, where another one has come meanwhile", () => {
      const stamp = clock.now();
      wall += 72 * HOUR_MS;
      for (let second = 1; second < 3600; second += 1) {
        pass(1000);
        expect(clock.cutoff(HOUR_MS)).to.be.lessThan(stamp);
      }
      // Only now is the last message that the old clock stamped an hour old.
      for (let second = 0; second <= 65; second += 1) {
        pass(1000);
        clock.now();
      }
      expect(clock.cutoff(HOUR_MS)).to.equal(wall - HOUR_MS);
    });

    it("by the earliest of very many clocks", () => {
      const right = wall;
      pass(60_000);
      for (let count = 1; count <= 100; count += 1) {
        wall += HOUR_MS * (count % 2 === 0 ? count : -1);
        pass(1000);
        clock.now();
      }
      wall = right + 160_000;
      expect(clock.cutoff(HOUR_MS)).to.be.at.most(wall - 2 * HOUR_MS);
    });
  });
});
