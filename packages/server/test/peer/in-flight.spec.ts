import { expect } from "chai";
import fc from "fast-check";
import { InFlight } from "../../src/peer/in-flight.ts";

describe("InFlight", () => {
  it("behaves as a map from seq to entry, in whatever order answers come", () => {
    const step = fc.oneof(
      fc.constant({ type: "add" as const }),
      fc.record({ type: fc.constant("take" as const), back: fc.nat(20) }),
      fc.record({
        type: fc.constant("takeWhere" as const),
        modulus: fc.integer({ min: 2, max: 5 }),
      }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 300 }),
        fc.integer({ min: 1, max: 40 }),
        (steps, limit) => {
          const inFlight = new InFlight<number>(limit);
          const model = new Map<number, number>();
          let next = 0;
          for (const action of steps) {
            if (action.type === "add") {
              const oldest = Math.min(next, ...model.keys());
              expect(inFlight.isFull).to.equal(next - oldest >= limit);
              if (inFlight.isFull) continue;
              expect(inFlight.add(next * 10)).to.equal(next);
              model.set(next, next * 10);
              next += 1;
            } else if (action.type === "take") {
              const seq = next - action.back;
              expect(inFlight.take(seq >>> 0)).to.equal(model.get(seq));
              model.delete(seq);
            } else {
              const isWanted = (entry: number): boolean => (entry / 10) % action.modulus === 0;
              const expected = [...model.values()].filter(isWanted);
              expect(inFlight.takeWhere(isWanted)).to.deep.equal(expected);
              for (const entry of expected) model.delete(entry / 10);
            }
            expect(inFlight.count).to.equal(model.size);
            expect([...inFlight.entries()]).to.deep.equal([...model.values()]);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("knows nothing of a seq that it never gave, or whose answer came", () => {
    const inFlight = new InFlight<string>(4);
    expect(inFlight.take(0)).to.equal(undefined);
    const seq = inFlight.add("a");
    expect(inFlight.take(seq + 4)).to.equal(undefined);
    expect(inFlight.take(seq)).to.equal("a");
    expect(inFlight.take(seq)).to.equal(undefined);
  });

  it("gives all that is left, oldest first", () => {
    const inFlight = new InFlight<string>(8);
    for (const entry of ["a", "b", "c", "d"]) inFlight.add(entry);
    inFlight.take(1);
    expect(inFlight.takeAll()).to.deep.equal(["a", "c", "d"]);
    expect(inFlight.count).to.equal(0);
    expect(inFlight.isFull).to.equal(false);
  });
});
