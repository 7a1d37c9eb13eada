// What a client can do while its token is checked, and when, over real sockets: nothing gets in before its time,
// and nobody is counted who is not there.
import type { Frame } from "@shardcast/protocol";
import { expect } from "chai";
import fc from "fast-check";
import { GOLDEN } from "@shardcast/protocol/testing";
import { FrontDoor, invalid, until, type Caller } from "../access/accepting.ts";
import { NOW_MS } from "../access/support.ts";

const NOTHING = { ann: 0, here: 0 };
const TOKEN: Frame = { type: "token", token: "a.b.c" };
const ENTER: Frame = { type: "enter", seq: 1, topic: "a", memberId: "m", user: "", info: "" };
const PROOF: Frame = {
  type: "proof",
  keyId: "00000000",
  nonce: new Uint8Array(32),
  mac: new Uint8Array(32),
};
const UNEXPECTED = "4503 SHARDCAST_FRAME_UNEXPECTED";

describe("a token in place of a proof", () => {
  let door: FrontDoor;

  beforeEach(async () => {
    door = await new FrontDoor().ready();
  });

  afterEach(() => door.close());

  it("opens the link when it was checked, and not before", async () => {
    const caller = await door.dial();
    caller.send(TOKEN);
    const check = await door.check();
    expect(check.token).to.equal("a.b.c");
    await caller.settled();
    expect(caller.types()).to.deep.equal(["challenge"]);
    expect(door.links).to.be.empty;
    check.accept();
    await caller.first("authorized");
    expect(caller.types()).to.deep.equal(["challenge", "welcome", "authorized"]);
    caller.socket.close();
    expect(await door.leftovers()).to.deep.equal(NOTHING);
  });

  for (const { frame } of GOLDEN) {
    if (["token", "proof"].includes(frame.type)) continue;
    it(`is not to be had by ${frame.type} before it, beside it, or behind it`, async () => {
      const sendings: ((caller: Caller) => void)[] = [
        (caller) => caller.send(frame),
        (caller) => caller.send(TOKEN, frame),
        (caller) => caller.send(frame, TOKEN),
        (caller) => {
          caller.send(TOKEN);
          caller.send(frame);
        },
      ];
      for (const send of sendings) {
        const caller = await door.dial();
        send(caller);
        expect(await caller.closed()).to.equal(UNEXPECTED);
      }
      for (const check of door.checks) check.accept();
      expect(await door.leftovers()).to.deep.equal(NOTHING);
      expect([door.links, door.received]).to.deep.equal([[], []]);
    });
  }

  for (const [what, second] of [
    ["another token", TOKEN],
    ["an empty token", { type: "token", token: "" }],
    ["a proof", PROOF],
  ] as [string, Frame][]) {
    it(`is given up where ${what} comes while it is checked`, async () => {
      const caller = await door.dial();
      caller.send(TOKEN);
      const check = await door.check();
      caller.send(second);
      expect(await caller.closed()).to.equal(UNEXPECTED);
      check.accept();
      expect(await door.leftovers()).to.deep.equal(NOTHING);
      expect([door.links.length, door.checks.length]).to.deep.equal([0, 0]);
    });
  }

  it("does not help who has failed to prove that it knows the key", async () => {
    const caller = await door.dial();
    caller.send(PROOF);
    caller.send(TOKEN);
    expect(await caller.closed()).to.equal("4500 SHARDCAST_HANDSHAKE_FAILED");
    expect(door.checks).to.be.empty;
  });

  it("is given up where more comes than a handshake may have", async () => {
    const caller = await door.dial();
    caller.send(TOKEN);
    const check = await door.check();
    caller.socket.send(Buffer.alloc(5000));
    expect(await caller.closed()).to.equal("4504 SHARDCAST_FRAME_TOO_LARGE");
    check.accept();
    expect(await door.leftovers()).to.deep.equal(NOTHING);
  });

  it("is given up where the check takes too long", async () => {
    const caller = await door.dial();
    caller.send(TOKEN);
    const check = await door.check();
    door.clock.ms += 3000;
    door.sweep.tick();
    expect(await caller.closed()).to.equal("4005 SHARDCAST_HANDSHAKE_TIMEOUT");
    check.accept();
    expect(await door.leftovers()).to.deep.equal(NOTHING);
  });

  for (const [what, leave] of [
    ["closes", (caller) => caller.socket.close()],
    ["is cut off", (caller) => caller.socket.terminate()],
    ["breaks the protocol", (caller) => caller.socket.send("text")],
  ] as [string, (caller: Caller) => void][]) {
    it(`counts nobody who ${what} while it is checked, be it good or not`, async () => {
      for (const isGood of [true, false]) {
        const caller = await door.dial();
        caller.send(TOKEN);
        const check = await door.check();
        leave(caller);
        await caller.closed();
        await until("it has left", () => door.sweep.pendingCount === 0);
        if (isGood) check.accept();
        else check.refuse(invalid("no"));
        expect(await door.leftovers()).to.deep.equal(NOTHING);
      }
      expect(door.links).to.be.empty;
    });

    it(`counts nobody who ${what} at the moment when it is accepted`, async () => {
      const caller = await door.dial();
      caller.send(TOKEN);
      const check = await door.check();
      leave(caller);
      check.accept();
      await caller.closed();
      expect(await door.leftovers()).to.deep.equal(NOTHING);
    });
  }

  it("is not looked at where its address has as many links as it may", async () => {
    const headers = { "x-forwarded-for": "6.6.6.6, 1.2.3.4" };
    const callers = [];
    for (let count = 0; count < 5; count += 1) {
      callers.push(await door.enter({ user: `u${count}` }, headers));
    }
    const caller = await door.dial("connect", { "x-forwarded-for": "7.7.7.7, 1.2.3.4" });
    caller.send(TOKEN);
    expect(await caller.closed()).to.equal("4008 SHARDCAST_LINKS_LIMIT: 5 from one address");
    expect(door.checks).to.be.empty;
    callers[0]?.socket.terminate();
    await until("one has left", () => door.sweep.linkCount === 4);
    await door.enter({ user: "u6" }, headers);
  });

  it("is held to the limits by those that were checked meanwhile", async () => {
    const callers = await Promise.all(Array.from({ length: 8 }, () => door.dial()));
    for (const caller of callers) caller.send(TOKEN);
    await until("all are checked", () => door.checks.length === 8);
    for (const check of door.checks) check.accept();
    await until("the others are refused", () => door.sweep.pendingCount === 0);
    expect(door.sweep.linkCount).to.equal(3);
    for (const { socket } of callers) socket.terminate();
    expect(await door.leftovers()).to.deep.equal(NOTHING);
  });

  it("tells nobody what failed inside the node", async () => {
    const caller = await door.dial();
    caller.send(TOKEN);
    (await door.check()).refuse(new TypeError("/etc/secrets cannot be read"));
    expect(await caller.closed()).to.equal("4003 SHARDCAST_INTERNAL");
    expect(door.errors).to.have.lengthOf(1);
  });

  it("ends the link where it cannot be served", async () => {
    door.opened = () => {
      throw new Error("no room");
    };
    const caller = await door.dial();
    caller.send(TOKEN);
    (await door.check()).accept();
    expect(await caller.closed()).to.equal("4003 SHARDCAST_INTERNAL");
    expect(await door.leftovers()).to.deep.equal(NOTHING);
  });

  it("gets nobody in where only nodes belong, and is not looked at", async () => {
    const caller = await door.dial("relay");
    caller.send(TOKEN);
    expect(await caller.closed()).to.equal("4509 SHARDCAST_FORBIDDEN");
    const other = await door.dial("relay", { authorization: "Bearer a.b.c" });
    expect(await other.closed()).to.equal("4509 SHARDCAST_FORBIDDEN");
    expect(door.checks).to.be.empty;
  });

  describe("in the upgrade", () => {
    const authorization = "Bearer a.b.c";

    it("takes the place of the handshake", async () => {
      const caller = await door.dial("connect", { authorization });
      (await door.check()).accept();
      await caller.first("authorized");
      expect(caller.types()).to.deep.equal(["welcome", "authorized"]);
    });

    for (const frame of [TOKEN, PROOF, ENTER]) {
      it(`is given up where ${frame.type} comes while it is checked`, async () => {
        const caller = await door.dial("connect", { authorization });
        const check = await door.check();
        caller.send(frame);
        expect(await caller.closed()).to.equal(UNEXPECTED);
        check.accept();
        expect(await door.leftovers()).to.deep.equal(NOTHING);
      });
    }

    for (const other of [
      "",
      "Bearer",
      "Bearer ",
      "Basic YTpi",
      "Bearer a b",
      "Bearera.b.c",
      "Token a.b.c",
    ]) {
      it(`is not what stands in ${JSON.stringify(other)}`, async () => {
        const caller = await door.dial("connect", { authorization: other });
        await caller.first("challenge");
        expect(door.checks).to.be.empty;
      });
    }
  });
});

describe("another token over a link", () => {
  let door: FrontDoor;

  beforeEach(async () => {
    door = await new FrontDoor().ready();
  });

  afterEach(() => door.close());

  it("is answered, and lets the handler go by what it allows", async () => {
    const caller = await door.enter();
    caller.send(TOKEN);
    (await door.check()).accept({ expiresAt: NOW_MS + 90_000 });
    await until("it is answered", () => door.events.includes("permitted"));
    caller.send(TOKEN);
    (await door.check()).refuse(invalid("no"));
    expect(await caller.closed()).to.equal("4507 SHARDCAST_TOKEN_INVALID: no");
    expect(await door.leftovers()).to.deep.equal(NOTHING);
  });

  it("is an offence while one is checked", async () => {
    const caller = await door.enter();
    caller.send(TOKEN, TOKEN);
    expect(await caller.closed()).to.equal(UNEXPECTED);
    (await door.check()).accept();
    expect(await door.leftovers()).to.deep.equal(NOTHING);
    expect(door.events).to.deep.equal(["closed"]);
  });

  it("is an offence where it comes again and again", async () => {
    const caller = await door.enter();
    for (let count = 0; count < 10; count += 1) {
      caller.send(TOKEN);
      (await door.check()).accept();
      const answered = count + 2;
      const isAnswered = (): boolean =>
        caller.types().filter((type) => type === "authorized").length === answered;
      await until("it is answered", isAnswered);
    }
    // A slow machine gives the link time for some more.
    while (caller.socket.readyState === caller.socket.OPEN) {
      caller.send(TOKEN);
      await until("it is checked, or the end", () => {
        return door.checks.length > 0 || caller.socket.readyState !== caller.socket.OPEN;
      });
      for (const check of door.checks.splice(0)) check.accept();
    }
    expect(await caller.closed()).to.equal(UNEXPECTED);
    expect(await door.leftovers()).to.deep.equal(NOTHING);
  });

  it("does not bring back a link that expired while it was checked", async () => {
    const caller = await door.enter({ expiresAt: NOW_MS + 1000 });
    caller.send(TOKEN);
    const check = await door.check();
    door.clock.ms += 2000;
    door.gate.tick();
    check.accept({ expiresAt: NOW_MS + 1_000_000 });
    expect(await caller.closed()).to.equal("4007 SHARDCAST_TOKEN_EXPIRED");
    expect(await door.leftovers()).to.deep.equal(NOTHING);
    expect(door.events).to.deep.equal(["closed"]);
  });

  it("is not waited for where the link is cut off", async () => {
    for (const isGood of [true, false]) {
      const caller = await door.enter();
      caller.send(TOKEN);
      const check = await door.check();
      caller.socket.terminate();
      expect(await door.leftovers()).to.deep.equal(NOTHING);
      if (isGood) check.accept();
      else check.refuse(invalid("no"));
      expect(await door.leftovers()).to.deep.equal(NOTHING);
    }
    expect(door.errors).to.be.empty;
  });

  it("keeps the frames behind it to what the last one allows until it is checked", async () => {
    const caller = await door.enter();
    caller.send(TOKEN, ENTER);
    const check = await door.check();
    await until("the frame has come", () => door.received.length === 1);
    expect(door.events).to.deep.equal([]);
    check.accept();
    await until("it is answered", () => door.events.includes("permitted"));
  });
});

describe("a token that expires", () => {
  let door: FrontDoor;

  beforeEach(async () => {
    door = await new FrontDoor().ready();
  });

  afterEach(() => door.close());

  it("ends a link that takes nothing and is not read from", async () => {
    const caller = await door.enter({ expiresAt: NOW_MS + 60_000 });
    const [link] = door.links;
    if (link === undefined) throw new Error("no link");
    caller.socket.pause();
    link.source?.pauseReading();
    const info = "x".repeat(200);
    while (!link.isCongested) {
      for (let count = 0; count < 1000; count += 1) {
        link.send({ type: "reject", seq: 1, code: "", reason: info });
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    caller.send(ENTER);
    door.clock.ms += 61_000;
    door.gate.tick();
    expect(link.isOpen).to.equal(false);
    expect(await door.leftovers()).to.deep.equal(NOTHING);
    expect(door.received).to.deep.equal([]);
    caller.socket.terminate();
  });

  it("ends the link between two frames of one message", async () => {
    const caller = await door.enter({ expiresAt: NOW_MS + 60_000 });
    door.clock.ms += 61_000;
    caller.send(ENTER);
    await until("the frame has come", () => door.received.length === 1);
    door.gate.tick();
    caller.send(ENTER, ENTER);
    expect(await caller.closed()).to.equal("4007 SHARDCAST_TOKEN_EXPIRED");
    expect(door.received).to.have.lengthOf(1);
  });

  it("is told of before, once, and not where another one came", async () => {
    const caller = await door.enter({ expiresAt: NOW_MS + 60_000 });
    door.clock.ms += 30_250;
    door.gate.tick();
    await caller.first("expiring");
    caller.send(TOKEN);
    (await door.check()).accept({ expiresAt: door.clock.ms + 60_000 });
    await until("it is answered", () => door.events.includes("permitted"));
    door.clock.ms += 29_900;
    door.gate.tick();
    await caller.settled();
    expect(caller.types().filter((type) => type === "expiring")).to.have.lengthOf(1);
    expect(caller.socket.readyState).to.equal(caller.socket.OPEN);
  });
});

describe("links of clients with tokens", () => {
  it("are counted right, whatever clients and checks do", async () => {
    const door = await new FrontDoor().ready();
    try {
      const step = fc.constantFrom(
        ...(["dial", "token", "frame", "proof", "accept", "refuse", "fail", "expire"] as const),
        ...(["close", "terminate", "token", "accept", "time out", "empty"] as const),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
          const callers: Caller[] = [await door.dial()];
          for (const [index, what] of steps.entries()) {
            const caller = callers[index % callers.length];
            const [check] = ["accept", "refuse", "fail"].includes(what)
              ? door.checks.splice(0, 1)
              : [];
            switch (what) {
              case "dial":
                callers.push(await door.dial(index % 2 === 0 ? "connect" : "produce"));
                break;
              case "token":
                caller?.send(TOKEN);
                break;
              case "empty":
                caller?.send({ type: "token", token: "" });
                break;
              case "frame":
                caller?.send(ENTER);
                break;
              case "proof":
                caller?.send(PROOF);
                break;
              case "accept":
                check?.accept({ expiresAt: door.clock.ms + 60_000 });
                break;
              case "refuse":
                check?.refuse(invalid("no"));
                break;
              case "fail":
                check?.refuse(new Error("broken"));
                break;
              case "expire":
                door.clock.ms += 31_000;
                door.gate.tick();
                break;
              case "time out":
                door.clock.ms += 3000;
                door.sweep.tick();
                break;
              case "close":
                caller?.socket.close();
                break;
              case "terminate":
                caller?.socket.terminate();
            }
            if (index % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
          }
          for (const { socket } of callers) socket.terminate();
          for (const check of door.checks.splice(0)) check.accept();
          expect(await door.leftovers()).to.deep.equal(NOTHING);
        }),
        { numRuns: 40 },
      );
    } finally {
      door.close();
    }
  }).timeout(60_000);
});
