import { expect } from "chai";
import fc from "fast-check";
import { ReplayGuard, type ReplayClaim } from "../src/replay-guard.ts";
import { expectOptionInvalid } from "./support.ts";

const START_S = 1_614_265_330;
const ONE = { id: "msg_1", timestampS: START_S };

describe("ReplayGuard", () => {
  let nowS = START_S;
  const now = (): number => nowS * 1000;

  beforeEach(() => {
    nowS = START_S;
  });

  function claimed(guard: ReplayGuard, stamp = ONE): ReplayClaim {
    const verdict = guard.claim(stamp);
    if (verdict.type !== "claimed") throw new Error(`it is ${verdict.type}`);
    return verdict.claim;
  }

  it("tells a repeat of what was accepted", () => {
    const guard = new ReplayGuard({ now });
    claimed(guard).accept();
    expect(guard.claim(ONE)).to.deep.equal({ type: "replay" });
  });

  it("tells a repeat of what is under way, and lets it come again once the work failed", () => {
    const guard = new ReplayGuard({ now });
    const claim = claimed(guard);
    expect(guard.claim(ONE)).to.deep.equal({ type: "busy" });
    claim.release();
    expect(guard.count).to.equal(0);
    claimed(guard).accept();
    expect(guard.claim(ONE)).to.deep.equal({ type: "replay" });
  });

  it("passes the same id with a time of its own, and another id with the same time", () => {
    const guard = new ReplayGuard({ now });
    claimed(guard).accept();
    claimed(guard, { ...ONE, timestampS: START_S + 1 }).accept();
    claimed(guard, { ...ONE, id: "msg_2" }).accept();
    expect(guard.count).to.equal(3);
  });

  it("settles a claim once", () => {
    const guard = new ReplayGuard({ now });
    const first = claimed(guard);
    first.accept();
    first.release();
    expect(guard.claim(ONE)).to.deep.equal({ type: "replay" });
    const two = { ...ONE, id: "msg_2" };
    const released = claimed(guard, two);
    released.release();
    const second = claimed(guard, two);
    released.release();
    released.accept();
    expect(guard.claim(two)).to.deep.equal({ type: "busy" });
    second.release();
    expect(guard.count).to.equal(1);
  });

  it("remembers as long as the time is good, and no longer", () => {
    const guard = new ReplayGuard({ now });
    const ahead = { ...ONE, timestampS: START_S + 300 };
    claimed(guard).accept();
    claimed(guard, ahead).accept();
    nowS = START_S + 300;
    expect(guard.claim(ONE)).to.deep.equal({ type: "replay" });
    nowS = START_S + 301;
    expect(guard.claim(ONE)).to.deep.equal({ type: "outside" });
    expect(guard.count).to.equal(1);
    nowS = START_S + 600;
    expect(guard.claim(ahead)).to.deep.equal({ type: "replay" });
    nowS = START_S + 601;
    expect(guard.claim(ahead)).to.deep.equal({ type: "outside" });
    expect(guard.count).to.equal(0);
  });

  it("takes nothing twice when the clock is set back", () => {
    const guard = new ReplayGuard({ now });
    claimed(guard).accept();
    nowS = START_S + 1000;
    claimed(guard, { id: "msg_2", timestampS: nowS }).accept();
    expect(guard.count).to.equal(1);
    nowS = START_S;
    expect(guard.claim(ONE)).to.deep.equal({ type: "outside" });
    claimed(guard, { ...ONE, timestampS: START_S + 1 });
  });

  it("refuses times outside the tolerance, which it could not remember for long enough", () => {
    const guard = new ReplayGuard({ now, toleranceS: 10 });
    for (const timestampS of [START_S - 11, START_S + 11, NaN]) {
      expect(guard.claim({ id: "a", timestampS })).to.deep.equal({ type: "outside" });
    }
    expect(guard.count).to.equal(0);
  });

  it("is full at its limit, forgets nothing for it, and has room again later", () => {
    const guard = new ReplayGuard({ now, limit: 2 });
    claimed(guard).accept();
    const second = claimed(guard, { ...ONE, id: "msg_2" });
    const third = { ...ONE, id: "msg_3", timestampS: START_S + 300 };
    expect(guard.claim(third)).to.deep.equal({ type: "full", code: "SHARDCAST_NODE_FULL" });
    expect(guard.claim(ONE)).to.deep.equal({ type: "replay" });
    second.release();
    claimed(guard, third).accept();
    nowS = START_S + 301;
    claimed(guard, { ...ONE, id: "msg_4", timestampS: nowS });
    expect(guard.count).to.equal(2);
  });

  it("is not changed by a claim that is settled after it was forgotten", () => {
    const guard = new ReplayGuard({ now });
    const late = claimed(guard);
    const later = claimed(guard, { ...ONE, id: "msg_2" });
    nowS = START_S + 301;
    guard.claim({ id: "x", timestampS: nowS });
    late.release();
    later.accept();
    expect(guard.count).to.equal(1);
  });

  it("never takes the same request twice unless it was released", () => {
    const step = fc.record({
      id: fc.constantFrom("a", "b", "c"),
      offsetS: fc.integer({ min: -12, max: 12 }),
      forwardS: fc.integer({ min: -15, max: 15 }),
      isAccepted: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        nowS = START_S;
        const guard = new ReplayGuard({ now, toleranceS: 10, limit: 20 });
        const accepted = new Set<string>();
        for (const { id, offsetS, forwardS, isAccepted } of steps) {
          nowS += forwardS;
          const timestampS = nowS + offsetS;
          const verdict = guard.claim({ id, timestampS });
          expect(guard.count).to.be.at.most(20);
          if (verdict.type !== "claimed") continue;
          expect(accepted.has(`${id} ${timestampS}`)).to.equal(false);
          if (isAccepted) {
            verdict.claim.accept();
            accepted.add(`${id} ${timestampS}`);
          } else verdict.claim.release();
        }
      }),
    );
  });

  it("refuses options that are no numbers to count with", () => {
    for (const value of [0, -1, 1.5, NaN, Infinity]) {
      expectOptionInvalid(() => new ReplayGuard({ limit: value }));
      expectOptionInvalid(() => new ReplayGuard({ toleranceS: value }));
    }
  });
});
