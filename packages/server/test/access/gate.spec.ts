import { ShardcastError, Permissions } from "@shardcast/protocol";
import { expect } from "chai";
import fc from "fast-check";
import type { AccessLimits } from "../../src/access/access-limits.ts";
import { Gate } from "../../src/access/gate.ts";
import type { LinkAccess } from "../../src/access/link-access.ts";
import {
  ALL_TOPICS,
  Clock,
  NOW_S,
  NO_LIMITS,
  identityOf,
  tokenOf,
  verdict,
  verifierOf,
} from "./support.ts";

const LINKS_LIMIT = "SHARDCAST_LINKS_LIMIT";

describe("Gate", () => {
  const gates: Gate[] = [];
  let clock: Clock;

  beforeEach(() => {
    clock = new Clock();
  });

  afterEach(() => {
    for (const gate of gates.splice(0)) gate.close();
  });

  function gateOf(limits: Partial<AccessLimits> = {}, anonymous?: Permissions): Gate {
    const verifier = verifierOf({ now: clock.now, leewayMs: 0 });
    const gate = new Gate({
      verifier,
      anonymous,
      limits: { ...NO_LIMITS, ...limits },
      now: clock.now,
    });
    gates.push(gate);
    return gate;
  }

  function enter(gate: Gate, user: string, address: string): LinkAccess | string {
    try {
      return gate.enter(identityOf({ user }), address);
    } catch (error) {
      if (error instanceof ShardcastError) return error.code;
      throw error;
    }
  }

  it("lets nobody in where it was told nothing", async () => {
    const gate = new Gate({ verifier: undefined, anonymous: undefined, limits: NO_LIMITS });
    gates.push(gate);
    for (const token of ["", tokenOf(), "a.b.c"]) {
      expect(await verdict(gate.identify(token))).to.equal("SHARDCAST_TOKEN_INVALID");
    }
    expect(gate.counters).to.deep.equal({ accepted: 0, refused: 3 });
  });

  it("lets in who is nobody only where it was told what they may do", async () => {
    expect(await verdict(gateOf().identify(""))).to.equal("SHARDCAST_TOKEN_INVALID");
    const anonymous = new Permissions([ALL_TOPICS]);
    const identity = await gateOf({}, anonymous).identify("");
    expect(identity).to.deep.equal({
      user: "",
      permissions: anonymous,
      grantedBy: "--anonymous",
      expiresAt: Infinity,
    });
  });

  it("counts the links of an address, and of a user, and forgets those that left", () => {
    const gate = gateOf({ linksPerAddress: 3, linksPerUser: 2 });
    const first = enter(gate, "ann", "1.1.1.1");
    enter(gate, "ann", "1.1.1.1");
    expect(enter(gate, "ann", "1.1.1.1")).to.equal(LINKS_LIMIT);
    expect(enter(gate, "ann", "2.2.2.2")).to.equal(LINKS_LIMIT);
    enter(gate, "bob", "1.1.1.1");
    expect(enter(gate, "bob", "1.1.1.1")).to.equal(LINKS_LIMIT);
    expect(() => gate.admit("1.1.1.1")).to.throw(ShardcastError, "3 from one address");
    expect(() => gate.admit("2.2.2.2")).to.not.throw();
    if (typeof first !== "string") gate.leave(first);
    expect(enter(gate, "ann", "1.1.1.1")).to.be.an("object");
  });

  it("takes the addresses of one network of IPv6 for one", () => {
    const gate = gateOf({ linksPerAddress: 1 });
    enter(gate, "", "2001:db8::1");
    expect(enter(gate, "", "2001:db8::2")).to.equal(LINKS_LIMIT);
    expect(enter(gate, "", "2001:db8:0:1::1")).to.be.an("object");
  });

  it("does not count those who are nobody as one user", () => {
    const gate = gateOf({ linksPerUser: 1 });
    expect(enter(gate, "", "1.1.1.1")).to.be.an("object");
    expect(enter(gate, "", "1.1.1.1")).to.be.an("object");
  });

  it("renews for the same user alone", async () => {
    const anonymous = new Permissions([]);
    const gate = gateOf({}, anonymous);
    const access = gate.enter(await gate.identify(tokenOf()), "1.1.1.1");
    await gate.renew(access, tokenOf({ exp: NOW_S + 1000 }));
    expect(access.expiresAt).to.equal((NOW_S + 1000) * 1000);
    for (const token of [tokenOf({ sub: "bob" }), "", tokenOf({ sub: "Ann" }), "a.b.c"]) {
      expect(await verdict(gate.renew(access, token))).to.equal("SHARDCAST_TOKEN_INVALID");
    }
    const nobody = gate.enter(await gate.identify(""), "1.1.1.1");
    expect(await verdict(gate.renew(nobody, tokenOf()))).to.equal("SHARDCAST_TOKEN_INVALID");
    expect([access.user, nobody.user]).to.deep.equal(["ann", ""]);
  });

  it("tells nobody of the end of a link that left while its token was checked", async () => {
    const gate = gateOf();
    const access = gate.enter(await gate.identify(tokenOf()), "1.1.1.1");
    const told: string[] = [];
    gate.watch(access, {
      expiring: () => told.push("expiring"),
      expired: () => told.push("expired"),
    });
    const renewing = gate.renew(access, tokenOf({ exp: NOW_S + 90 }));
    gate.leave(access);
    await renewing;
    clock.ms += 1_000_000;
    gate.tick();
    expect(told).to.deep.equal([]);
  });

  it("gives a user who comes back no more to publish than one who stayed", () => {
    const gate = gateOf({ userPublishesPerSecond: 1 });
    const publishes = (): (string | undefined)[] => {
      const access = enter(gate, "ann", "1.1.1.1");
      if (typeof access === "string") throw new Error(access);
      const faults = [1, 2, 3].map(() => access.publishFault("news", 1));
      gate.leave(access);
      return faults;
    };
    const limited = "SHARDCAST_RATE_LIMITED";
    expect(publishes()).to.deep.equal([undefined, undefined, limited]);
    gate.tick();
    expect(publishes()).to.deep.equal([limited, limited, limited]);
    clock.ms += 2000;
    gate.tick();
    expect(publishes()).to.deep.equal([undefined, undefined, limited]);
  });

  it("takes those who are nobody at one address for one publisher", () => {
    const gate = gateOf({ userPublishesPerSecond: 1 });
    const publishes = (address: string): (string | undefined)[] => {
      const access = enter(gate, "", address);
      if (typeof access === "string") throw new Error(access);
      const faults = [1, 2, 3].map(() => access.publishFault("news", 1));
      gate.leave(access);
      return faults;
    };
    const limited = "SHARDCAST_RATE_LIMITED";
    expect(publishes("::1")).to.deep.equal([undefined, undefined, limited]);
    expect(publishes("::2")).to.deep.equal([limited, limited, limited]);
    expect(publishes("1.1.1.1")).to.deep.equal([undefined, undefined, limited]);
    clock.ms += 2000;
    gate.tick();
    expect(publishes("::1")).to.deep.equal([undefined, undefined, limited]);
  });

  it("counts requests of a user together with its links, and holds nothing of them", () => {
    const gate = gateOf({ userPublishesPerSecond: 1, linksPerUser: 1 });
    const link = enter(gate, "ann", "1.1.1.1");
    if (typeof link === "string") throw new Error(link);
    const visits = [1, 2, 3].map(() => gate.visit(identityOf(), "1.1.1.1"));
    expect(visits.map((visit) => visit.publishFault("news", 1))).to.deep.equal([
      ...[undefined, undefined, "SHARDCAST_RATE_LIMITED"],
    ]);
    expect(link.publishFault("news", 1)).to.equal("SHARDCAST_RATE_LIMITED");
    gate.leave(link);
    expect(enter(gate, "ann", "1.1.1.1")).to.be.an("object");
  });

  it("lets a user, and an address, begin so many topics a second, and forgets it", () => {
    const gate = gateOf({ newTopicsPerSecond: 5 });
    const begin = (user: string, address: string): number => {
      const access = gate.visit(identityOf({ user }), address);
      let count = 0;
      while (count < 100 && access.newTopicFault() === undefined) count += 1;
      return count;
    };
    // Two seconds' worth at once.
    expect(begin("ann", "1.1.1.1")).to.equal(10);
    expect(begin("ann", "2.2.2.2")).to.equal(0);
    expect(begin("bob", "1.1.1.1")).to.equal(0);
    expect(begin("", "1.1.1.1")).to.equal(0);
    expect(begin("bob", "2.2.2.2")).to.equal(10);
    expect(begin("", "3.3.3.3")).to.equal(10);
    expect(gate.trust(identityOf({ user: "ann" }), "1.1.1.1").newTopicFault()).to.equal(undefined);
    clock.ms += 1000;
    expect(begin("ann", "1.1.1.1")).to.equal(5);
    clock.ms += 10_000;
    gate.tick();
    expect(begin("ann", "1.1.1.1")).to.equal(10);
  });

  it("never loses count of links, whatever enters, leaves, renews and expires", async () => {
    const user = fc.constantFrom("", "ann", "bob");
    const address = fc.constantFrom("1.1.1.1", "2.2.2.2", "::1", "::2");
    const action = fc.oneof(
      fc.record({ type: fc.constant("enter" as const), user, address }),
      fc.record({ type: fc.constant("visit" as const), user, address }),
      fc.record({ type: fc.constant("leave" as const), at: fc.nat(10) }),
      fc.record({ type: fc.constant("renew" as const), at: fc.nat(10), user }),
      fc.record({
        type: fc.constant("pass" as const),
        ms: fc.integer({ min: -5000, max: 90_000 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        const gate = gateOf({ linksPerAddress: 4, linksPerUser: 3, userPublishesPerSecond: 1 });
        const links: LinkAccess[] = [];
        for (const step of actions) {
          switch (step.type) {
            case "enter": {
              const group = (text: string): string => (text.includes(":") ? "ipv6" : text);
              const near = links.filter(
                (link) => group(link.address) === group(step.address),
              ).length;
              const own = links.filter((link) => link.user === step.user).length;
              const access = enter(gate, step.user, step.address);
              const isFull = near >= 4 || (step.user !== "" && own >= 3);
              expect(access === LINKS_LIMIT).to.equal(isFull);
              if (typeof access === "string") break;
              links.push(access);
              gate.watch(access, { expiring: () => undefined, expired: () => undefined });
              access.publishFault("news", 1);
              break;
            }
            case "visit":
              gate.visit(identityOf({ user: step.user }), step.address).publishFault("news", 1);
              break;
            case "leave": {
              const [link] = links.splice(step.at, 1);
              if (link !== undefined) gate.leave(link);
              break;
            }
            case "renew": {
              const link = links[step.at];
              if (link !== undefined) await verdict(gate.renew(link, tokenOf({ sub: step.user })));
              break;
            }
            case "pass":
              clock.ms += step.ms;
              gate.tick();
          }
        }
        for (const link of links.splice(0)) gate.leave(link);
        for (const place of ["1.1.1.1", "2.2.2.2", "::1"]) {
          const codes = [1, 2, 3, 4, 5].map(() => enter(gate, "", place));
          expect(codes.indexOf(LINKS_LIMIT)).to.equal(4);
        }
        gate.close();
      }),
      { numRuns: 60 },
    );
  });
});
