import type { LookupAddress } from "node:dns";
import { expect } from "chai";
import { AddressGuard } from "../src/address-guard.ts";
import { AddressRefused, guardedLookup, type Resolve } from "../src/guarded-lookup.ts";

const PUBLIC_4 = { address: "1.1.1.1", family: 4 };
const PUBLIC_6 = { address: "2606:4700::1", family: 6 };
const PRIVATE_4 = { address: "10.0.0.1", family: 4 };
const PRIVATE_6 = { address: "::ffff:127.0.0.1", family: 6 };

type Answer = readonly [Error | null, string | LookupAddress[], number | undefined];

async function lookUp(
  found: readonly LookupAddress[],
  options: { all?: boolean; family?: 0 | 4 | 6 | "IPv4" | "IPv6" } = {},
  allow: string[] = [],
): Promise<Answer> {
  const look = guardedLookup(new AddressGuard(allow), () => Promise.resolve(found));
  return new Promise((resolve) => {
    look("hooks.example", options, (...answer) => resolve([answer[0], answer[1], answer[2]]));
  });
}

describe("guardedLookup", () => {
  it("gives all that is allowed, or the first of it", async () => {
    const found = [PRIVATE_4, PUBLIC_6, PRIVATE_6, PUBLIC_4];
    expect(await lookUp(found, { all: true })).to.deep.equal([
      null,
      [PUBLIC_6, PUBLIC_4],
      undefined,
    ]);
    expect(await lookUp(found)).to.deep.equal([null, PUBLIC_6.address, 6]);
    for (const family of [4, "IPv4"] as const) {
      expect(await lookUp(found, { family })).to.deep.equal([null, PUBLIC_4.address, 4]);
    }
    expect((await lookUp(found, { family: 0, all: true }))[1]).to.deep.equal([PUBLIC_6, PUBLIC_4]);
  });

  it("fails where nothing is left", async () => {
    for (const found of [[], [PRIVATE_4], [PRIVATE_4, PRIVATE_6], [{ address: "?", family: 4 }]]) {
      for (const all of [true, false]) {
        const [error] = await lookUp(found, { all });
        expect(error).to.be.instanceOf(AddressRefused);
      }
    }
  });

  it("gives what was allowed by address or by name", async () => {
    for (const allow of ["10.0.0.0/8", "hooks.example"]) {
      expect(await lookUp([PRIVATE_4], {}, [allow])).to.deep.equal([null, PRIVATE_4.address, 4]);
    }
    const [error] = await lookUp([PRIVATE_4], {}, ["example"]);
    expect(error).to.be.instanceOf(AddressRefused);
  });

  it("passes on what the resolver failed with", async () => {
    const failure = new Error("no such host");
    const failing: Resolve = () => Promise.reject(failure);
    const look = guardedLookup(new AddressGuard(), failing);
    const error = await new Promise((resolve) => look("hooks.example", {}, resolve));
    expect(error).to.equal(failure);
  });
});
