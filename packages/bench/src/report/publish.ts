// Where answers are kept: a JSON and an SVG file a question, and the tables in benchmarks.md between marks.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem, release } from "node:os";
import { join } from "node:path";
import { renderChart, type Chart } from "./chart.ts";
import { renderTable, type Table } from "./table.ts";

const GIB = 1024 ** 3;

/** What is written of an answer. */
export interface Answer extends Table {
  /** ISO 8601, the day alone. */
  readonly date: string;
  readonly machine: string;
  /** What repeats it. */
  readonly command: string;
}

/** Writes an answer, and puts its table into the page beside the folder, where that has marks for it. */
export function publish(folder: string, answer: Answer, chart: Chart | undefined): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, answer.question);
  writeFileSync(`${file}.json`, `${JSON.stringify(answer, null, 2)}\n`);
  if (chart !== undefined) writeFileSync(`${file}.svg`, renderChart(chart));
  const page = `${folder}.md`;
  if (existsSync(page)) writeFileSync(page, withTable(readFileSync(page, "utf8"), answer));
}

/** The page, with the answer's table between its marks. */
export function withTable(page: string, answer: Answer): string {
  const [begin, end] = marksOf(answer.question);
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) return page;
  return `${page.slice(0, from + begin.length)}\n\n${textOf(answer)}\n\n${page.slice(to)}`;
}

/** What stands in front of a question's table, and what behind it. */
export function marksOf(question: string): readonly [string, string] {
  return [`<!-- bench: ${question} -->`, `<!-- end of ${question} -->`];
}

function textOf(answer: Answer): string {
  const { date, machine, command } = answer;
  return `${renderTable(answer)}\n\n\`${command}\`, ${date}, ${machine}.`;
}

/** Processor, memory and system of this machine. */
export function machineName(): string {
  const [first] = cpus();
  const name = (first?.model ?? "").replaceAll(/\s+/g, " ").trim();
  const memory = `${Math.round(totalmem() / GIB)} GiB`;
  return `${cpus().length} × ${name}, ${memory}, Linux ${release()}, Node ${process.versions.node}`;
}
