import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { marksOf, withTable, type Answer } from "../src/report/publish.ts";

const PAGE = join("docs", "benchmarks.md");
const FOLDER = join("docs", "benchmarks");

const ANSWER: Answer = {
  question: "q",
  title: "t",
  rows: [{ system: "ws", µs: 3 }],
  date: "2026-01-02",
  machine: "a machine",
  command: "npm run bench -- q",
};

describe("withTable", () => {
  const [begin, end] = marksOf("q");

  it("puts a table between its marks, again and again, and leaves the rest", () => {
    const page = `# before\n\n${begin}\n${end}\n\nbehind\n`;
    const once = withTable(page, ANSWER);
    expect(once).to.include("| ws     |   3 |").and.include("`npm run bench -- q`, 2026-01-02");
    expect(once.startsWith(`# before\n\n${begin}\n`)).to.equal(true);
    expect(once.endsWith(`${end}\n\nbehind\n`)).to.equal(true);
    expect(withTable(once, ANSWER)).to.equal(once);
  });

  it("leaves a page without the marks as it is", () => {
    expect(withTable("# a page\n", ANSWER)).to.equal("# a page\n");
  });
});

describe("docs/benchmarks.md", () => {
  const answers = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));

  for (const file of answers) {
    it(`has the table and the chart of ${file} as they were measured`, () => {
      const page = readFileSync(PAGE, "utf8");
      const answer = JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as Answer;
      expect(page).to.include(marksOf(answer.question)[0]);
      expect(withTable(page, answer)).to.equal(page);
      const chart = `${answer.question}.svg`;
      if (existsSync(join(FOLDER, chart))) expect(page).to.include(`(benchmarks/${chart})`);
    });
  }
});
