// The command: npm run bench -- <question>
import yargs from "yargs";
import type { NodeBins } from "./shardcast-nodes.ts";
import { slowReaders } from "./slow-readers.ts";
import { startup } from "./startup.ts";
import { renderTable, type Table } from "./table.ts";

type Ask = (bins: NodeBins) => Promise<Table>;

const QUESTIONS: Readonly<Record<string, Ask>> = {
  startup: (bins) => startup(bins),
  "slow-readers": (bins) => slowReaders({ bins }),
};

export async function main(bins: NodeBins): Promise<void> {
  const names = Object.keys(QUESTIONS);
  const raw = yargs(process.argv.slice(2))
    .scriptName("bench")
    .usage(`$0 [question..]\n\nMeasures, and prints a table a question: ${names.join(", ")}`)
    .demandCommand(0)
    .strictOptions()
    .locale("en")
    .version(false)
    .parseSync();
  const asked = raw._.length === 0 ? names : raw._.map(String);
  for (const name of asked) {
    const ask = QUESTIONS[name];
    if (ask === undefined) throw new Error(`no question ${name}; there are ${names.join(", ")}`);
    process.stderr.write(`${name} …\n`);
    const table = await ask(bins);
    process.stdout.write(`\n${table.title}\n\n${renderTable(table)}\n`);
  }
}
