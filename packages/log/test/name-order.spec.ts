import { expect } from "chai";
import { compareNames, firstNames, rangeAfter } from "../src/name-order.ts";

const UNITS = ["\0", "a", "b", "ß", "\ud7ff", "\ue000", "\uffff", "😀", "😁"];
const NAMES = ["", ...UNITS, ...UNITS.flatMap((one) => UNITS.map((other) => one + other))];

describe("the order of names", () => {
  it("is that of their bytes in UTF-8", () => {
    for (const one of NAMES) {
      for (const other of NAMES) {
        const expected = Buffer.compare(Buffer.from(one), Buffer.from(other));
        expect(Math.sign(compareNames(one, other)), `${one} ${other}`).to.equal(expected);
      }
    }
  });

  it("picks the first after a name, as many as are asked for", () => {
    const sorted = [...NAMES].sort(compareNames);
    for (const limit of [0, 1, 7, 1000]) {
      for (const after of ["", "b", "\uffff", "😁😁"]) {
        const rest = sorted.slice(sorted.indexOf(after) + 1);
        expect(firstNames(NAMES, after, limit)).to.deep.equal(rest.slice(0, limit));
      }
    }
  });

  it("has as a range the keys with a prefix that follow a key", () => {
    for (const prefix of ["", "a", "ß", "😀"]) {
      for (const after of NAMES) {
        const { start, end } = rangeAfter(prefix, after);
        for (const name of NAMES.filter((one) => one !== "")) {
          const key = Buffer.from(name);
          const isWithin = Buffer.compare(key, start) >= 0 && Buffer.compare(key, end) < 0;
          const isMeant = name.startsWith(prefix) && compareNames(name, after) > 0;
          expect(isWithin, `${prefix}, ${after}, ${name}`).to.equal(isMeant);
        }
      }
    }
  });
});
