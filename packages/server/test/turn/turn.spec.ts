import { expect } from "chai";
import { Turn } from "../../src/turn/turn.ts";

describe("Turn", () => {
  function makeTurn(): { turn: Turn; runs: (() => void)[]; failures: unknown[] } {
    const runs: (() => void)[] = [];
    const failures: unknown[] = [];
    const turn = new Turn({
      schedule: (run) => runs.push(run),
      onError: (error) => failures.push(error),
    });
    return { turn, runs, failures };
  }

  it("runs all work, then all writes, each once, in one go", () => {
    const { turn, runs } = makeTurn();
    const done: string[] = [];
    turn.deferWrite({ endTurn: () => done.push("write") });
    turn.defer({
      endTurn: () => {
        done.push("work");
        turn.deferWrite({ endTurn: () => done.push("write of work") });
      },
    });
    expect(runs.length).to.equal(1);
    runs.shift()?.();
    expect(done).to.deep.equal(["work", "write", "write of work"]);
    expect(runs.length).to.equal(0);
  });

  it("leaves work that comes up meanwhile to the next turn, so that sockets are read in between", () => {
    const { turn, runs } = makeTurn();
    let count = 0;
    const endless = {
      endTurn: (): void => {
        count += 1;
        turn.defer(endless);
      },
    };
    turn.defer(endless);
    runs.shift()?.();
    expect(count).to.equal(1);
    runs.shift()?.();
    expect(count).to.equal(2);
  });

  it("goes on after work that throws", () => {
    const { turn, runs, failures } = makeTurn();
    const done: string[] = [];
    turn.defer({
      endTurn: () => {
        throw new Error("broken");
      },
    });
    turn.defer({ endTurn: () => done.push("next") });
    turn.deferWrite({ endTurn: () => done.push("write") });
    runs.shift()?.();
    expect(done).to.deep.equal(["next", "write"]);
    expect(failures.map(String)).to.deep.equal(["Error: broken"]);
    turn.defer({ endTurn: () => done.push("later") });
    runs.shift()?.();
    expect(done).to.include("later");
  });
});
