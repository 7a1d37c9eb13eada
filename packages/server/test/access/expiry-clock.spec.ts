import { expect } from "chai";
import fc from "fast-check";
import { ExpiryClock } from "../../src/access/expiry-clock.ts";
import { LinkAccess } from "../../src/access/link-access.ts";
import { Clock, NO_LIMITS, identityOf } from "./support.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const TICK_MS = 250;

describe("ExpiryClock", () => {
  let clock: Clock;
  let expiry: ExpiryClock;
  let told: string[];

  beforeEach(() => {
    clock = new Clock();
    expiry = new ExpiryClock(clock.now);
    told = [];
  });

  function add(name: string, leftMs: number): LinkAccess {
    const expiresAt = clock.ms + leftMs;
    const access = new LinkAccess(identityOf({ expiresAt }), "", undefined, {
      limits: NO_LIMITS,
      now: clock.now,
    });
    access.holder = {
      expiring: (withinMs) => told.push(`${name} expires in ${withinMs}`),
      expired: () => told.push(`${name} has expired`),
    };
    expiry.add(access);
    return access;
  }

  /** As the timer does. */
  function pass(ms: number): string[] {
    for (let left = ms; left > 0; left -= TICK_MS) {
      clock.ms += Math.min(left, TICK_MS);
      expiry.tick();
    }
    return told.splice(0);
  }

  it("announces the end 30 s before, and tells it", () => {
    add("a", 60_000);
    expect(pass(30_000)).to.deep.equal([]);
    expect(pass(TICK_MS)).to.deep.equal([`a expires in ${30_000 - TICK_MS}`]);
    expect(pass(29_500)).to.deep.equal([]);
    expect(pass(2 * TICK_MS)).to.deep.equal(["a has expired"]);
    expect(pass(DAY_MS / 100)).to.deep.equal([]);
  });

  it("announces it at half of the time where that is little", () => {
    add("a", 2000);
    expect(pass(1000 + TICK_MS)).to.deep.equal(["a expires in 750"]);
    expect(pass(1000)).to.deep.equal(["a has expired"]);
  });

  it("tells at once what is over already", () => {
    add("a", 0);
    add("b", -DAY_MS);
    expect(pass(TICK_MS)).to.deep.equal(["a has expired", "b has expired"]);
  });

  it("tells nothing of what has no end, or was taken away", () => {
    add("a", Infinity);
    expiry.delete(add("b", 1000));
    const twice = add("c", 1000);
    expiry.add(twice);
    expiry.delete(twice);
    expiry.delete(twice);
    expect(pass(10_000)).to.deep.equal([]);
  });

  it("is told of one access once, however often it is added", () => {
    const access = add("a", 1000);
    for (let count = 0; count < 10; count += 1) expiry.add(access);
    expect(pass(5000).filter((text) => text === "a has expired")).to.have.lengthOf(1);
  });

  it("ends all that is over where the clock jumps ahead", () => {
    add("a", 60_000);
    add("b", 2 * DAY_MS);
    clock.ms += DAY_MS;
    expiry.tick();
    expect(told.splice(0)).to.deep.equal(["a has expired"]);
    add("c", 1000);
    expect(pass(1500)).to.include("c has expired");
    clock.ms += 1000 * 365 * DAY_MS;
    expiry.tick();
    expect(told.splice(0)).to.deep.equal(["b has expired"]);
  });

  it("ends in time what comes after the clock was set back", () => {
    clock.ms += DAY_MS;
    expiry.tick();
    const before = add("a", 60_000);
    clock.ms -= DAY_MS;
    add("b", 2000);
    expect(pass(2500)).to.deep.equal(["b expires in 750", "b has expired"]);
    add("c", 2000);
    expect(pass(2500)).to.deep.equal(["c expires in 750", "c has expired"]);
    expect(before.clockSlot).to.not.equal(undefined);
    expect(pass(DAY_MS + 60_000)).to.include("a has expired");
  });

  it("goes on where the holder of one takes itself and others away", () => {
    const others = [add("a", 1000), add("b", 1000), add("c", 1000)];
    const [first] = others;
    if (first === undefined) throw new Error("none");
    const leave = (): void => {
      for (const access of others) expiry.delete(access);
    };
    first.holder = { expiring: leave, expired: leave };
    expect(() => pass(5000)).to.not.throw();
  });

  it("ends each in time, whatever the clock does in small steps", () => {
    const step = fc.record({ ms: fc.integer({ min: -2000, max: 3000 }), lifeMs: fc.nat(20_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const accesses: LinkAccess[] = [];
        for (const { ms, lifeMs } of steps) {
          accesses.push(add("x", lifeMs));
          clock.ms += ms;
          expiry.tick();
          const isLate = (access: LinkAccess): boolean =>
            access.clockSlot !== undefined && access.expiresAt < clock.ms - 2 * TICK_MS;
          expect(accesses.filter(isLate)).to.deep.equal([]);
        }
      }),
    );
  });
});
