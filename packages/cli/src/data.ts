// `shardcast data`: looks after a consumer's folder. Checking and backing up work while the node runs.
import {
  checkStore,
  openForReading,
  repairStore,
  writeBackup,
  writeFolder,
  type StoreReport,
} from "@shardcast/log";
import { ShardcastError } from "@shardcast/protocol";
import { switchOf } from "@shardcast/process";
import { text } from "@shardcast/server";
import type { Argv, CommandModule } from "yargs";

const MEBIBYTE = 1024 * 1024;

export const dataCommand: CommandModule = {
  command: "data",
  describe: "Check, back up or repair a consumer's data folder",
  builder: (argv: Argv) =>
    argv
      .command(checkCommand)
      .command(backupCommand)
      .command(repairCommand)
      .demandCommand(1, "no command: check, backup or repair; --help tells more"),
  handler: () => undefined,
};

const checkCommand: CommandModule = {
  command: "check <folder>",
  describe: "Look at every message; exit code 1 where something is wrong",
  builder: (argv: Argv) => folderOf(argv),
  handler: async (raw) => {
    const folder = await openForReading(text(raw, "folder"));
    const report = checkStore(folder.records);
    await folder.close();
    if (tell(report, folder.faults) > 0) process.exitCode = 1;
  },
};

const backupCommand: CommandModule = {
  command: "backup <folder> <to>",
  describe: "Copy it as it is at this moment into a new folder",
  builder: (argv: Argv) => toOf(folderOf(argv)),
  handler: async (raw) => {
    const folder = await openForReading(text(raw, "folder"));
    const { store, node, faults } = folder;
    if (store === undefined) {
      await folder.close();
      throw new ShardcastError("SHARDCAST_DATA_CORRUPT", `${faults[0] ?? ""}: repair it instead`);
    }
    await writeBackup(store, node, text(raw, "to"));
    await folder.close();
    print(`backed up ${node} to ${text(raw, "to")}`);
  },
};

const repairCommand: CommandModule = {
  command: "repair <folder> <to>",
  describe: "Copy what is whole into a new folder",
  builder: (argv: Argv) =>
    toOf(folderOf(argv)).option("new-epochs", {
      type: "boolean",
      default: false,
      describe: "Every topic begins anew: for a backup that is older than what clients have seen",
    }),
  handler: async (raw) => {
    const folder = await openForReading(text(raw, "folder"));
    // Where pages are lost, nobody knows what the last messages of any topic were.
    const isAnew = switchOf(raw, "new-epochs") || folder.faults.length > 0;
    const report = await writeFolder(text(raw, "to"), folder.node, (target) =>
      repairStore(folder.records, target, { isAnew }),
    );
    await folder.close();
    tell(report, folder.faults);
  },
};

function folderOf(argv: Argv): Argv {
  return argv.positional("folder", {
    type: "string",
    demandOption: true,
    describe: "The folder of one consumer: <data>/<id>",
  });
}

function toOf(argv: Argv): Argv {
  return argv.positional("to", {
    type: "string",
    demandOption: true,
    describe: "A folder that is empty or not there",
  });
}

/** @returns how many faults there are */
function tell(report: StoreReport, ofFile: readonly string[]): number {
  const { topics, messages, bytes, missing } = report;
  const faults = [...ofFile, ...report.faults];
  const size = (bytes / MEBIBYTE).toFixed(1);
  const lost = missing === 0 ? "" : `${missing} messages missing; `;
  print(`${topics} topics, ${messages} messages, ${size} MiB; ${lost}${faults.length} faults`);
  for (const fault of faults) print(`fault: ${fault}`);
  return faults.length;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
