// Stores answers: a JSON and an SVG file for each question, and the tables between markers in
// benchmarks.md.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem, release } from "node:os";
import { join } from "node:path";
import { renderChart, type Chart } from "./chart.ts";
import { renderTable, type Table } from "./table.ts";

const GIB = 1024 ** 3;

/** A stored answer. */
export interface Answer extends Table {
  /** An ISO 8601 date without a time. */
  readonly date: string;
  readonly machine: string;
  /** The command that repeats the measurement. */
  readonly command: string;
}

/**
 * Writes an answer to the folder, and inserts its table into the page next to the folder, if that
 * has markers for it.
 */
export function publish(folder: string, answer: Answer, chart: Chart | undefined): void {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, answer.question);
  writeFileSync(`${file}.json`, `${JSON.stringify(answer, null, 2)}\n`);
  if (chart !== undefined) writeFileSync(`${file}.svg`, renderChart(chart));
  const page = `${folder}.md`;
  if (existsSync(page)) writeFileSync(page, withTable(readFileSync(page, "utf8"), answer));
}

/** The page with the answer's table between its markers. */
export function withTable(page: string, answer: Answer): string {
  const [begin, end] = marksOf(answer.question);
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) return page;
  return `${page.slice(0, from + begin.length)}\n\n${textOf(answer)}\n\n${page.slice(to)}`;
}

/** The markers before and after a question's table. */
export function marksOf(question: string): readonly [string, string] {
  return [`<!-- bench: ${question} -->`, `<!-- end of ${question} -->`];
}

function textOf(answer: Answer): string {
  const { date, machine, command } = answer;
  return `${renderTable(answer)}\n\n\`${command}\`, ${date}, ${machine}.`;
}

/** The machine's processor, memory and operating system. */
export function machineName(): string {
  const [first] = cpus();
  const name = (first?.model ?? "").replaceAll(/\s+/g, " ").trim();
  const memory = `${Math.round(totalmem() / GIB)} GiB`;
  return `${cpus().length} × ${name}, ${memory}, Linux ${release()}, Node ${process.versions.node}`;
}
