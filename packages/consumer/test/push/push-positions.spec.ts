import { PROCESS_RUNTIME } from "@shardcast/process";
import { MemoryLog, RetentionRules, type StateEntry, type StateStore } from "@shardcast/log";
import { expect } from "chai";
import { PushPositions } from "../../src/push/push-positions.ts";

const MANY = 1_000_000_000;
const EPOCH = "0123456789abcdef";

/** A state that a test can stop from writing. */
class SlowState {
  readonly store: StateStore = new MemoryLog({
    retention: new RetentionRules({ count: MANY, bytes: MANY, ageMs: MANY }),
    maxBytes: MANY,
  }).state;
  readonly writes: StateEntry[][] = [];
  #release: ((error?: Error) => void)[] = [];
  isHeld = false;

  /** What a part of a node takes for the state. */
  get state(): StateStore {
    return {
      get: (key) => this.store.get(key),
      list: (prefix, after, limit) => this.store.list(prefix, after, limit),
      delete: (keys) => this.store.delete(keys),
      set: async (entries) => {
        const all = [...entries];
        this.writes.push(all);
        if (this.isHeld) {
          await new Promise<void>((resolve, reject) => {
            this.#release.push((error) => (error === undefined ? resolve() : reject(error)));
          });
        }
        await this.store.set(all);
      },
    };
  }

  release(error?: Error): void {
    for (const release of this.#release.splice(0)) release(error);
  }
}

describe("PushPositions", () => {
  let slow: SlowState;
  let positions: PushPositions;
  let failures: unknown[];

  beforeEach(() => {
    slow = new SlowState();
    failures = [];
    positions = new PushPositions(slow.state, PROCESS_RUNTIME, (error) => failures.push(error));
  });

  afterEach(() => positions.close());

  it("writes many at once, and knows them before they are written", async () => {
    slow.isHeld = true;
    for (let offset = 1; offset <= 63; offset += 1) positions.set("a", { epoch: EPOCH, offset });
    expect(slow.writes).to.deep.equal([]);
    expect(await positions.get("a")).to.deep.equal({ epoch: EPOCH, offset: 63 });
    positions.set("b", { epoch: EPOCH, offset: 1 });
    expect(slow.writes).to.deep.equal([
      [
        ["a", `${EPOCH}_63`],
        ["b", `${EPOCH}_1`],
      ],
    ]);
    expect(await positions.get("a")).to.deep.equal({ epoch: EPOCH, offset: 63 });
    expect(await positions.get("c")).to.equal(undefined);
    slow.isHeld = false;
    slow.release();
  });

  it("has one write under way, and what comes meanwhile is the next", async () => {
    slow.isHeld = true;
    positions.set("a", { epoch: EPOCH, offset: 1 });
    positions.flush();
    positions.set("a", { epoch: EPOCH, offset: 2 });
    positions.flush();
    expect(slow.writes.length).to.equal(1);
    slow.isHeld = false;
    slow.release();
    await positions.settled(performance.now() + 5000);
    expect(slow.writes.length).to.equal(2);
    expect(await slow.store.get("a")).to.equal(`${EPOCH}_2`);
  });

  it("writes again what could not be written, and what is newer counts", async () => {
    slow.isHeld = true;
    positions.set("a", { epoch: EPOCH, offset: 1 });
    positions.set("b", { epoch: EPOCH, offset: 1 });
    positions.flush();
    positions.set("a", { epoch: EPOCH, offset: 2 });
    slow.isHeld = false;
    slow.release(new Error("the disk is full"));
    await positions.settled(performance.now() + 5000);
    expect(failures.length).to.equal(1);
    expect(await slow.store.get("a")).to.equal(`${EPOCH}_2`);
    expect(await slow.store.get("b")).to.equal(`${EPOCH}_1`);
  });

  it("forgets what begins so, and nothing else", async () => {
    for (let index = 0; index < 1200; index += 1) {
      positions.set(`push/a/${index}`, { epoch: EPOCH, offset: 1 });
    }
    positions.set("push/ab/1", { epoch: EPOCH, offset: 1 });
    await positions.settled(performance.now() + 5000);
    await positions.forget("push/a/");
    expect(await positions.get("push/a/7")).to.equal(undefined);
    expect(await positions.get("push/ab/1")).to.deep.equal({ epoch: EPOCH, offset: 1 });
  });
});
