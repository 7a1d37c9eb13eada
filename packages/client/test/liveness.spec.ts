import { expect } from "chai";
import { Liveness } from "../src/liveness.ts";
import { FakeClock } from "./support.ts";

describe("liveness", () => {
  let clock: FakeClock;
  let pings: number;
  let deaths: string[];
  let receivedBytes: number;
  let unansweredBytes: number;

  function start(): Liveness {
    clock = new FakeClock();
    pings = 0;
    deaths = [];
    receivedBytes = 1000;
    unansweredBytes = 0;
    return new Liveness({
      runtime: clock,
      silenceMs: 50_000,
      probeTimeoutMs: 4000,
      urgentTimeoutMs: 2000,
      receivedBytes: () => receivedBytes,
      unansweredBytes: () => unansweredBytes,
      ping: () => (pings += 1),
      onDead: (detail) => deaths.push(detail),
    });
  }

  it("gives up sooner after an urgent probe", async () => {
    const answer = start().probe(true);
    clock.pass(1999);
    expect([pings, deaths.length]).to.deep.equal([1, 0]);
    clock.pass(1);
    expect(deaths).to.deep.equal(["no answer to a ping within 2000 ms"]);
    expect(await answer).to.be.false;
  });

  it("pings where something was sent and nothing comes, and gives up without an answer", () => {
    start().sent();
    clock.pass(1999);
    expect(pings).to.equal(0);
    clock.pass(1);
    expect([pings, deaths.length]).to.deep.equal([1, 0]);
    clock.pass(3999);
    expect(deaths).to.be.empty;
    clock.pass(1);
    expect(deaths).to.deep.equal(["no answer to a ping within 4000 ms"]);
  });

  it("pings nobody who is heard, and nobody who owes nothing", () => {
    const liveness = start();
    clock.pass(40_000);
    for (let round = 0; round < 20; round += 1) {
      liveness.sent();
      clock.pass(1500);
      liveness.heard();
    }
    clock.pass(20_000);
    expect(pings).to.equal(0);
    expect(deaths).to.be.empty;
  });

  it("goes on where anything answers the ping, and pings anew", async () => {
    const liveness = start();
    const answer = liveness.probe();
    expect(liveness.probe()).to.equal(answer);
    clock.pass(3999);
    liveness.heard();
    expect(await answer).to.be.true;
    clock.pass(4000);
    expect(deaths).to.be.empty;
    void liveness.probe();
    expect(pings).to.equal(2);
  });

  it("gives a slow line the time for what is on its way", () => {
    const liveness = start();
    unansweredBytes = 1_000_000;
    liveness.sent();
    clock.pass(40_000);
    expect([pings, deaths.length]).to.deep.equal([1, 0]);
  });

  it("waits for a large message that was announced, and no longer than a slow line needs", () => {
    const liveness = start();
    liveness.heard();
    liveness.expect(1_000_000);
    clock.pass(170_000);
    expect(deaths).to.be.empty;
    clock.pass(5000);
    expect(deaths).to.have.lengthOf(1);

    const other = start();
    other.heard();
    other.expect(1_000_000);
    other.sent();
    clock.pass(120_000);
    expect([pings, deaths.length]).to.deep.equal([1, 0]);
    other.heard();
    clock.pass(49_999);
    expect(deaths).to.be.empty;
    clock.pass(1);
    expect(deaths).to.have.lengthOf(1);
  });

  it("takes bytes of a message that is not whole for a sign of life", () => {
    const liveness = start();
    liveness.sent();
    clock.pass(2000);
    for (let round = 0; round < 100; round += 1) {
      receivedBytes += 1;
      clock.pass(4000);
      liveness.sent();
    }
    expect(deaths).to.be.empty;
    clock.pass(10_000);
    expect(deaths).to.have.lengthOf(1);
  });

  it("gives up where nothing comes for two heartbeats", () => {
    start();
    clock.pass(49_999);
    expect(deaths).to.be.empty;
    clock.pass(1);
    expect(deaths).to.deep.equal(["nothing was received for 50000 ms"]);
    expect(pings).to.equal(0);
  });

  it("leaves no timer when it stops, and answers who still asks", async () => {
    const liveness = start();
    liveness.sent();
    const answer = liveness.probe();
    liveness.stop();
    expect(await answer).to.be.false;
    expect(clock.timerCount).to.equal(0);
  });
});
