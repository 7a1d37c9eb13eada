import { expect } from "chai";
import { readOptions } from "../src/options.ts";
import { Outbox } from "../src/outbox.ts";
import { PLATFORM_RUNTIME } from "../src/runtime.ts";
import { FakeClock } from "./support.ts";

describe("Outbox", () => {
  let probes = 0;

  function start(): { clock: FakeClock; outbox: Outbox; add: (ms: number) => string[] } {
    const clock = new FakeClock();
    probes = 0;
    const runtime = { ...PLATFORM_RUNTIME, now: clock.now, after: clock.after };
    const outbox = new Outbox(
      readOptions({ psk: "k", url: "ws://h:1" }),
      runtime,
      () => (probes += 1),
    );
    const add = (timeoutMs: number): string[] => {
      const outcome: string[] = [];
      const reject = (error: unknown): unknown => outcome.push((error as { code: string }).code);
      outbox.add("t", "x", { timeoutMs }, { resolve: () => outcome.push("ok"), reject });
      return outcome;
    };
    return { clock, outbox, add };
  }

  it("ends each publish at its own deadline, be it of the first or the last", () => {
    const { clock, outbox, add } = start();
    const [long, short, middle] = [add(5000), add(1000), add(3000)];
    clock.pass(999);
    expect([short, middle, long]).to.deep.equal([[], [], []]);
    clock.pass(1);
    expect([short, middle, long]).to.deep.equal([["SHARDCAST_TIMEOUT"], [], []]);
    expect(probes).to.equal(1);
    clock.pass(2000);
    expect([middle, long]).to.deep.equal([["SHARDCAST_TIMEOUT"], []]);
    clock.pass(2000);
    expect(long).to.deep.equal(["SHARDCAST_TIMEOUT"]);
    expect(outbox.size).to.equal(0);
  });

  it("has one timer for all publishes, and none when it has been idle", () => {
    const { clock, outbox, add } = start();
    for (let count = 0; count < 1000; count += 1) add(1000 + count);
    expect(clock.timerCount).to.equal(1);
    clock.pass(3000);
    expect(outbox.size).to.equal(0);
    expect(clock.timerCount).to.equal(0);
  });
});
