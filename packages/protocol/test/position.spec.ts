import { expect } from "chai";
import fc from "fast-check";
import {
  epochFromBytes,
  epochToBytes,
  formatFrom,
  formatPosition,
  parseFrom,
  parsePosition,
} from "../src/position.ts";
import { codeOf, epoch, from, hex, position, unhex } from "./support.ts";

const EPOCH = "0123456789abcdef";

describe("position", () => {
  it("is one token", () => {
    expect(formatPosition({ epoch: EPOCH, offset: 0 })).to.equal("0123456789abcdef_0");
    expect(formatPosition({ epoch: EPOCH, offset: 2 ** 48 - 1 })).to.equal(
      "0123456789abcdef_281474976710655",
    );
  });

  it("gives back any position", () => {
    fc.assert(
      fc.property(position, (original) => {
        expect(parsePosition(formatPosition(original))).to.deep.equal(original);
      }),
    );
  });

  const refused = [
    "",
    "_",
    EPOCH,
    `${EPOCH}_`,
    `${EPOCH}_-1`,
    `${EPOCH}_+1`,
    `${EPOCH}_01`,
    `${EPOCH}_1.0`,
    `${EPOCH}_1e3`,
    `${EPOCH}_0x1`,
    `${EPOCH}_1 `,
    ` ${EPOCH}_1`,
    `${EPOCH}_1\n`,
    `${EPOCH}_281474976710656`,
    `${EPOCH}_999999999999999`,
    `${EPOCH}_1000000000000000`,
    `${EPOCH}_٣`,
    `${EPOCH.toUpperCase()}_1`,
    "0123456789abcde_1",
    "0123456789abcdef0_1",
    "0123456789abcdeg_1",
    `${EPOCH}-1`,
  ];
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(parsePosition(text)).to.equal(undefined);
      expect(codeOf(() => parseFrom(text))).to.equal("SHARDCAST_POSITION_INVALID");
    });
  }
});

describe("from", () => {
  it("has a text for each kind", () => {
    expect(formatFrom({ type: "live" })).to.equal("live");
    expect(formatFrom({ type: "earliest" })).to.equal("earliest");
    expect(formatFrom({ type: "last", count: 10 })).to.equal("last:10");
    expect(formatFrom({ type: "since", time: 1_700_000_000_000 })).to.equal("since:1700000000000");
    expect(formatFrom({ type: "position", position: { epoch: EPOCH, offset: 7 } })).to.equal(
      "0123456789abcdef_7",
    );
  });

  it("gives back any start", () => {
    fc.assert(
      fc.property(from, (original) => {
        expect(parseFrom(formatFrom(original))).to.deep.equal(original);
      }),
      { numRuns: 500 },
    );
  });

  it("stands in a query without escapes", () => {
    fc.assert(
      fc.property(from, (original) => {
        const url = new URL(`ws://node/subscribe/news?from=${formatFrom(original)}`);
        expect(url.searchParams.get("from")).to.equal(formatFrom(original));
      }),
    );
  });

  const refused = [
    "Live",
    "latest",
    " live",
    "last",
    "last:",
    "last:-1",
    "last:1.5",
    "last:4294967296",
    "last:9999999999",
    "last:01",
    "last:10 ",
    "since:",
    "since:-1",
    "since:281474976710656",
    "since:now",
    "since:1e12",
    "__proto__",
    "constructor",
  ];
  for (const text of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      expect(codeOf(() => parseFrom(text))).to.equal("SHARDCAST_POSITION_INVALID");
    });
  }

  it("takes or refuses any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const code = ((): string | undefined => {
          try {
            parseFrom(text);
            return undefined;
          } catch {
            return codeOf(() => parseFrom(text));
          }
        })();
        expect(code).to.be.oneOf([undefined, "SHARDCAST_POSITION_INVALID"]);
      }),
      { numRuns: 1000 },
    );
  });
});

describe("epoch", () => {
  it("is 8 bytes as 16 hex digits", () => {
    expect(hex(epochToBytes("00ff10a0b0c0d0e0"))).to.equal("00ff10a0b0c0d0e0");
    expect(epochFromBytes(unhex("ee 00ff10a0b0c0d0e0 ee"), 1)).to.equal("00ff10a0b0c0d0e0");
  });

  it("gives back any epoch", () => {
    fc.assert(
      fc.property(epoch, (original) => {
        expect(epochFromBytes(epochToBytes(original), 0)).to.equal(original);
      }),
    );
  });
});
