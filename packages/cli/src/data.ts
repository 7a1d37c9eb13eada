// `shardcast data`: maintains a consumer's folder. Checks and backups work while the node runs.
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
      .demandCommand(1, "no command: use check, backup or repair; see --help"),
  handler: () => undefined,
};

const checkCommand: CommandModule = {
  command: "check <folder>",
  describe: "Check every message; exit with 1 if there is a fault",
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
  describe: "Copy the folder in its present state to a new folder",
  builder: (argv: Argv) => toOf(folderOf(argv)),
  handler: async (raw) => {
    const folder = await openForReading(text(raw, "folder"));
    const { store, node, faults } = folder;
    if (store === undefined) {
      await folder.close();
      throw new ShardcastError(
        "SHARDCAST_DATA_CORRUPT",
        `${faults[0] ?? ""}: use "shardcast data repair" instead`,
      );
    }
    await writeBackup(store, node, text(raw, "to"));
    await folder.close();
    print(`backed up ${node} to ${text(raw, "to")}`);
  },
};

const repairCommand: CommandModule = {
  command: "repair <folder> <to>",
  describe: "Copy all undamaged data to a new folder",
  builder: (argv: Argv) =>
    toOf(folderOf(argv)).option("new-epochs", {
      type: "boolean",
      default: false,
      describe: "Start a new epoch in every topic, if clients have seen more than the backup",
    }),
  handler: async (raw) => {
    const folder = await openForReading(text(raw, "folder"));
    // If pages are lost, the last messages of each topic are unknown.
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
    describe: "An empty or new folder",
  });
}

/** @returns the number of faults */
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
