// The command: npm run bench -- <question> --peers ws,nats
import yargs from "yargs";
import { PEERS, type BenchBins } from "./peers/peers.ts";
import { FAN_OUT } from "./questions/fan-out.ts";
import { GROWTH } from "./questions/growth.ts";
import { IDLE } from "./questions/idle.ts";
import { INGEST } from "./questions/ingest.ts";
import { LATENCY } from "./questions/latency.ts";
import { MANY_TOPICS } from "./questions/many-topics.ts";
import { millionQuestion } from "./questions/million.ts";
import { BENCH_LOGS, type BenchLog, type Question } from "./questions/question.ts";
import { RECOVERY_STORM } from "./questions/recovery-storm.ts";
import { SLOW_READERS } from "./questions/slow-readers.ts";
import { STARTUP } from "./questions/startup.ts";
import { TAKEOVER } from "./questions/takeover.ts";
import { machineName, publish } from "./report/publish.ts";
import { renderTable } from "./report/table.ts";

const QUESTIONS: readonly Question[] = [
  ...[FAN_OUT, MANY_TOPICS, INGEST, LATENCY, IDLE, RECOVERY_STORM, GROWTH, STARTUP, SLOW_READERS],
  TAKEOVER,
];
const DEFAULT_CONNECTIONS = 100_000;

export async function main(bins: BenchBins): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  const names = [...QUESTIONS.map(({ name }) => name), "million"];
  const raw = yargs(process.argv.slice(2))
    .scriptName("bench")
    .usage(
      `$0 [question..]\n\nMeasures, prints a table a question, and writes it to a folder. Questions:\n${QUESTIONS.map(({ name, about }) => `  ${name}: ${about}`).join("\n")}`,
    )
    .option("peers", {
      type: "string",
      describe: `Which systems, separated by commas: ${PEERS.map(({ name }) => name).join(",")}`,
      defaultDescription: "all that are installed",
    })
    .option("log", {
      type: "string",
      default: "memory,lmdb",
      describe: `Where Shardcast keeps messages, separated by commas: ${BENCH_LOGS.join(",")}`,
    })
    .option("out", {
      type: "string",
      default: "docs/benchmarks",
      describe: "Folder for JSON and SVG files; empty for none",
    })
    .option("connections", {
      type: "number",
      default: DEFAULT_CONNECTIONS,
      describe: "Phones of the question million",
    })
    .strictOptions()
    .locale("en")
    .version(false)
    .parseSync();
  const asked = raw._.length === 0 ? QUESTIONS.map(({ name }) => name) : raw._.map(String);
  const questions = asked.map((name) => {
    const found = [...QUESTIONS, millionQuestion(raw.connections)].find((one) => one.name === name);
    if (found === undefined) throw new Error(`no question ${name}; there are ${names.join(", ")}`);
    return found;
  });
  const asksFor = raw.log.split(",");
  const logs = BENCH_LOGS.filter((log) => asksFor.includes(log));
  const peers = installed(raw.peers?.split(",") ?? defaultPeers(logs));
  for (const question of questions) {
    const table = await question.ask({ bins, peers, logs, progress: tell });
    process.stdout.write(`\n${table.title}\n\n${renderTable(table)}\n`);
    if (raw.out === "") continue;
    const options = process.argv.slice(2).filter((argument) => !raw._.includes(argument));
    const command = ["npm run bench --", question.name, ...options];
    const [date = ""] = new Date().toISOString().split("T");
    const answer = { ...table, date, machine: machineName(), command: command.join(" ") };
    publish(raw.out, answer, question.chart?.(table.rows));
    tell(`written to ${raw.out}/${question.name}.json`);
  }
}

/** Every system, and Shardcast with these logs. */
function defaultPeers(logs: readonly BenchLog[]): string[] {
  const others = BENCH_LOGS.filter((log) => !logs.includes(log)).map(shardcastWith);
  return PEERS.map(({ name }) => name).filter((name) => !others.includes(name));
}

function shardcastWith(log: BenchLog): string {
  return log === "memory" ? "shardcast" : `shardcast-${log}`;
}

/** Those that are there; of the others it says how to get them. */
function installed(names: readonly string[]): string[] {
  return names.filter((name) => {
    const peer = PEERS.find((known) => known.name === name);
    if (peer === undefined) throw new Error(`no peer ${name}`);
    const missing = peer.missing();
    if (missing !== undefined) tell(`skipped: ${missing}`);
    return missing === undefined;
  });
}

function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
