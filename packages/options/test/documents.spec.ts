// docs/options.md, compared with the rows in both directions.
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { CONSUMER_OPTIONS } from "../src/consumer-rows.ts";
import { NODE_OPTIONS, PRODUCER_OPTIONS, REDIS_OPTIONS } from "../src/node-rows.ts";
import type { Row, Rows } from "../src/row.ts";
import { cellsIn, cellsOf } from "./testing.ts";

const DOCUMENT = readFileSync("docs/options.md", "utf8");
const COMMON: Rows = { ...NODE_OPTIONS, ...REDIS_OPTIONS };

describe("docs/options.md", () => {
  for (const [heading, rows] of [
    ["Every node", COMMON],
    ["Producers", own(PRODUCER_OPTIONS)],
    ["Consumers", own(CONSUMER_OPTIONS)],
  ] as const) {
    it(`${heading}: has each option in the table of its group, and no other`, () => {
      const all = Object.values<Row>(rows);
      const groups = [...new Set(all.map(({ group }) => group))];
      const expected = groups.flatMap((name) => cellsOf(all.filter(({ group }) => group === name)));
      expect(cellsIn(DOCUMENT, `## ${heading}`)).to.deep.equal(expected);
      const [, after = ""] = DOCUMENT.split(`\n## ${heading}\n`);
      const [section = ""] = after.split(/^## /m);
      const headings = [...section.matchAll(/^### (.*)$/gm)].map(([, group]) => group);
      expect(headings).to.deep.equal(groups);
    });
  }
});

function own(rows: Rows): Rows {
  return Object.fromEntries(Object.entries(rows).filter(([key]) => !(key in COMMON)));
}
