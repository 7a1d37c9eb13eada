// The command: npm run bench -- <question> --peers ws,nats
import yargs from "yargs";
import { fanOut } from "./fan-out.ts";
import { idle } from "./idle.ts";
import { ingest } from "./ingest.ts";
import { PEERS, type BenchBins } from "./peers.ts";
import { slowReaders } from "./slow-readers.ts";
import { startup } from "./startup.ts";
import { renderTable, type Table } from "./table.ts";

interface Asked {
  readonly bins: BenchBins;
  readonly peers: readonly string[];
  readonly progress: (text: string) => void;
}

const QUESTIONS: Readonly<Record<string, (asked: Asked) => Promise<Table>>> = {
  fanout: (asked) => fanOut(asked),
  ingest: (asked) => ingest(asked),
  idle: (asked) => idle(asked),
  startup: ({ bins }) => startup(bins),
  "slow-readers": ({ bins }) => slowReaders({ bins }),
};

export async function main(bins: BenchBins): Promise<void> {
  const names = Object.keys(QUESTIONS);
  const raw = yargs(process.argv.slice(2))
    .scriptName("bench")
    .usage(`$0 [question..]\n\nMeasures, and prints a table a question: ${names.join(", ")}`)
    .option("peers", {
      type: "string",
      describe: `Which systems, separated by commas: ${PEERS.map(({ name }) => name).join(",")}`,
      defaultDescription: "all that are installed",
    })
    .strictOptions()
    .locale("en")
    .version(false)
    .parseSync();
  const asked = raw._.length === 0 ? names : raw._.map(String);
  const peers = installed(raw.peers?.split(",") ?? PEERS.map(({ name }) => name));
  for (const name of asked) {
    const ask = QUESTIONS[name];
    if (ask === undefined) throw new Error(`no question ${name}; there are ${names.join(", ")}`);
    const table = await ask({ bins, peers, progress: tell });
    process.stdout.write(`\n${table.title}\n\n${renderTable(table)}\n`);
  }
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
