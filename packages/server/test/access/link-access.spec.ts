import { Permissions, type From, type Grant } from "@shardcast/protocol";
import { expect } from "chai";
import { LinkAccess } from "../../src/access/link-access.ts";
import { UserUsage } from "../../src/access/user-usage.ts";
import { Clock, NOW_MS, NO_LIMITS, identityOf } from "./support.ts";

const FORBIDDEN = "SHARDCAST_FORBIDDEN";
const LIMITED = "SHARDCAST_RATE_LIMITED";
const POSITION: From = { type: "position", position: { epoch: "0123456789abcdef", offset: 3 } };
const PAST: readonly From[] = [
  { type: "earliest" },
  { type: "last", count: 1 },
  { type: "since", time: 0 },
];

describe("LinkAccess", () => {
  const clock = new Clock();

  function accessOf(grants: readonly Grant[], limits = {}, usage?: UserUsage): LinkAccess {
    const identity = identityOf({ permissions: new Permissions(grants) });
    return new LinkAccess(identity, "", usage, {
      limits: { ...NO_LIMITS, ...limits },
      now: clock.now,
    });
  }

  it("needs for each start of a subscription what it reads", () => {
    const only = accessOf([{ topics: ["a"], allow: ["subscribe"] }]);
    const both = accessOf([{ topics: ["a"], allow: ["subscribe", "history"] }]);
    const history = accessOf([{ topics: ["a"], allow: ["history"] }]);
    for (const from of [{ type: "live" } as const, POSITION]) {
      expect([only, both, history].map((access) => access.followFault("a", from))).to.deep.equal([
        ...[undefined, undefined, FORBIDDEN],
      ]);
    }
    for (const from of PAST) {
      expect([only, both, history].map((access) => access.followFault("a", from))).to.deep.equal([
        ...[FORBIDDEN, undefined, FORBIDDEN],
      ]);
    }
    expect(only.followFault("b", { type: "live" })).to.equal(FORBIDDEN);
  });

  it("gives presence topics to who may know who is there, and to nobody else", () => {
    const present = accessOf([{ topics: ["a"], allow: ["presence"] }]);
    const named = accessOf([{ topics: ["$presence/a", "$*"], allow: ["subscribe", "history"] }]);
    const all = accessOf([{ topics: ["*"], allow: ["publish", "subscribe", "history"] }]);
    for (const from of [{ type: "live" } as const, POSITION, ...PAST]) {
      expect(present.followFault("$presence/a", from)).to.equal(undefined);
      for (const topic of [
        "$presence/b",
        "$presence/",
        "$presence/$presence/a",
        "$presence/a/",
        "a",
      ]) {
        expect(present.followFault(topic, from), topic).to.equal(FORBIDDEN);
      }
      for (const access of [named, all]) {
        expect(access.followFault("$presence/a", from)).to.equal(FORBIDDEN);
      }
    }
    for (const topic of ["$events/a", "$sys", "$PRESENCE/a", "$presence"]) {
      expect(all.followFault(topic, { type: "live" }), topic).to.equal(FORBIDDEN);
      expect(all.publishFault(topic, 1), topic).to.equal(FORBIDDEN);
    }
  });

  it("lets resume only from within the window, but with the permission history", () => {
    const windowMs = { resumeWindowMs: 1000 };
    const only = accessOf([{ topics: ["a"], allow: ["subscribe"] }], windowMs);
    const both = accessOf([{ topics: ["a"], allow: ["subscribe", "history"] }], windowMs);
    expect(only.resumesFrom("a")).to.equal(NOW_MS - 1000);
    expect(both.resumesFrom("a")).to.equal(undefined);
    expect(only.resumesFrom("$presence/a")).to.equal(undefined);
  });

  it("asks for each topic of a publish anew, and after another token as well", () => {
    const access = accessOf([{ topics: ["a*"], allow: ["publish"] }]);
    const faults = (): unknown[] =>
      ["a", "a", "b", "b", "ab", "$a"].map((topic) => access.publishFault(topic, 1));
    const none = undefined;
    expect(faults()).to.deep.equal([none, none, FORBIDDEN, FORBIDDEN, none, FORBIDDEN]);
    access.publishFault("a", 1);
    const permissions = new Permissions([{ topics: ["b"], allow: ["publish"] }]);
    access.renew(identityOf({ permissions }));
    expect(faults()).to.deep.equal([FORBIDDEN, FORBIDDEN, none, none, FORBIDDEN, FORBIDDEN]);
  });

  it("counts no publish that is forbidden", () => {
    const access = accessOf([{ topics: ["a"], allow: ["publish"] }], { publishesPerSecond: 1 });
    for (let count = 0; count < 100; count += 1) access.publishFault("b", 1);
    const faults = [1, 2, 3].map(() => access.publishFault("a", 1));
    expect(faults).to.deep.equal([undefined, undefined, LIMITED]);
  });

  it("takes of no limit what another one refuses", () => {
    const grants: Grant[] = [{ topics: ["*"], allow: ["publish"] }];
    const usage = new UserUsage(1, Infinity, NOW_MS);
    const first = accessOf(grants, { publishesPerSecond: 2 }, usage);
    const second = accessOf(grants, { publishesPerSecond: 2 }, usage);
    const faults = (access: LinkAccess, count: number): unknown[] =>
      Array.from({ length: count }, () => access.publishFault("a", 1));
    expect(faults(first, 10)).to.deep.equal([
      undefined,
      undefined,
      ...Array<string>(8).fill(LIMITED),
    ]);
    expect(faults(second, 1)).to.deep.equal([LIMITED]);
    clock.ms += 2000;
    // The link itself has as much left as if nothing had been refused.
    expect(faults(first, 2)).to.deep.equal([undefined, undefined]);
    clock.ms = NOW_MS;
  });

  it("limits the bytes of a link and of a user", () => {
    const grants: Grant[] = [{ topics: ["*"], allow: ["publish"] }];
    const link = accessOf(grants, { publishBytesPerSecond: 100 });
    expect([1000, 1].map((bytes) => link.publishFault("a", bytes))).to.deep.equal([
      ...[undefined, LIMITED],
    ]);
    const usage = new UserUsage(Infinity, 100, NOW_MS);
    const [one, two] = [accessOf(grants, {}, usage), accessOf(grants, {}, usage)];
    expect([one.publishFault("a", 1000), two.publishFault("a", 1)]).to.deep.equal([
      ...[undefined, LIMITED],
    ]);
  });

  it("stamps messages with a token's user, and with nothing for anyone else", () => {
    const context = { limits: NO_LIMITS, now: clock.now };
    const usage = new UserUsage(Infinity, Infinity, NOW_MS);
    const token = new LinkAccess(identityOf({ user: "ünn" }), "", usage, context);
    expect(Buffer.from(token.stamp ?? []).toString("utf8")).to.equal("\x05$user\x04ünn");
    expect(token.stamp).to.equal(token.stamp);
    expect(new LinkAccess(identityOf({ user: "" }), "", usage, context).stamp).to.equal(undefined);
    // The sender of a signed request.
    const sender = new LinkAccess(identityOf({ user: "shop" }), "", undefined, context);
    expect(sender.stamp).to.equal(undefined);
  });
});
