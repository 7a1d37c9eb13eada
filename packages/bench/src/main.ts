// The command line: npm run bench -- <question> --peers ws,nats
import { list, readOptions, text, whole } from "@shardcast/options";
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

const BENCH_OPTIONS = {
  asked: list("question", { help: "Which questions" }),
  peers: list("peers", {
    shownDefault: "all that are installed",
    help: `Which systems, separated by commas: ${PEERS.map(({ name }) => name).join(",")}`,
  }),
  logs: list("log", {
    default: "memory,lmdb",
    help: `Where Shardcast keeps messages, separated by commas: ${BENCH_LOGS.join(",")}`,
  }),
  out: text("out", {
    default: "docs/benchmarks",
    isEmptyAllowed: true,
    help: "Folder for JSON and SVG files; empty for none",
  }),
  connections: whole("connections", {
    default: 100_000,
    min: 1,
    help: "Phones of the question million",
  }),
};

export async function main(bins: BenchBins): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  const options = readOptions(BENCH_OPTIONS, {
    argv: process.argv.slice(2),
    env: {},
    scriptName: "bench",
    description: `Measures, prints a table per question, and writes it to a folder. Questions:\n${QUESTIONS.map(({ name, about }) => `  ${name}: ${about}`).join("\n")}`,
    positional: "[question..]",
  });
  if (options === undefined) return;
  const { connections, out } = options;
  const asked = options.asked.length === 0 ? QUESTIONS.map(({ name }) => name) : options.asked;
  const known = [...QUESTIONS, millionQuestion(connections)];
  const questions = asked.map((name) => {
    const found = known.find((one) => one.name === name);
    const names = known.map((one) => one.name).join(", ");
    if (found === undefined) throw new Error(`no question ${name}; there are ${names}`);
    return found;
  });
  const logs = BENCH_LOGS.filter((log) => options.logs.includes(log));
  const peers = installed(options.peers.length === 0 ? defaultPeers(logs) : options.peers);
  for (const question of questions) {
    const table = await question.ask({ bins, peers, logs, progress: tell });
    process.stdout.write(`\n${table.title}\n\n${renderTable(table)}\n`);
    if (out === "") continue;
    const given = process.argv.slice(2).filter((argument) => !asked.includes(argument));
    const command = ["npm run bench --", question.name, ...given];
    const [date = ""] = new Date().toISOString().split("T");
    const answer = { ...table, date, machine: machineName(), command: command.join(" ") };
    publish(out, answer, question.chart?.(table.rows));
    tell(`written to ${out}/${question.name}.json`);
  }
}

/** Every other system, and Shardcast with these logs. */
function defaultPeers(logs: readonly BenchLog[]): string[] {
  const others = BENCH_LOGS.filter((log) => !logs.includes(log)).map(shardcastWith);
  return PEERS.map(({ name }) => name).filter((name) => !others.includes(name));
}

function shardcastWith(log: BenchLog): string {
  return log === "memory" ? "shardcast" : `shardcast-${log}`;
}

/** The installed systems. Prints how to install the others. */
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
