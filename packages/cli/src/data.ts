// `shardcast data`: maintains a consumer's folder. Checks and backups work while the node runs.
import {
  checkStore,
  openForReading,
  repairStore,
  writeBackup,
  writeFolder,
  type StoreReport,
} from "@shardcast/log";
import { onOff, text } from "@shardcast/options";
import { ShardcastError } from "@shardcast/protocol";
import { command, type Command } from "./command.ts";

const MEBIBYTE = 1024 * 1024;

const FOLDER = {
  folder: text("folder", { isRequired: true, help: "The folder of one consumer: <data>/<id>" }),
};
const TO = { to: text("to", { isRequired: true, help: "An empty or new folder" }) };

const checkCommand = command({
  command: "check <folder>",
  describe: "Check every message; exit with 1 if there is a fault",
  positionals: FOLDER,
  options: {},
  run: async ({ folder: path }) => {
    const folder = await openForReading(path);
    const report = checkStore(folder.records);
    await folder.close();
    if (tell(report, folder.faults) > 0) process.exitCode = 1;
  },
});

const backupCommand = command({
  command: "backup <folder> <to>",
  describe: "Copy the folder in its present state to a new folder",
  positionals: { ...FOLDER, ...TO },
  options: {},
  run: async ({ folder: path, to }) => {
    const folder = await openForReading(path);
    const { store, node, faults } = folder;
    if (store === undefined) {
      await folder.close();
      throw new ShardcastError("SHARDCAST_DATA_CORRUPT", `${faults[0] ?? ""}: repair it instead`);
    }
    await writeBackup(store, node, to);
    await folder.close();
    print(`backed up ${node} to ${to}`);
  },
});

const repairCommand = command({
  command: "repair <folder> <to>",
  describe: "Copy all undamaged data to a new folder",
  positionals: { ...FOLDER, ...TO },
  options: {
    hasNewEpochs: onOff("new-epochs", {
      help: "Start a new epoch in every topic, if clients have seen more than the backup",
    }),
  },
  run: async ({ folder: path, to, hasNewEpochs }) => {
    const folder = await openForReading(path);
    // If pages are lost, the last messages of each topic are unknown.
    const isAnew = hasNewEpochs || folder.faults.length > 0;
    const report = await writeFolder(to, folder.node, (target) =>
      repairStore(folder.records, target, { isAnew }),
    );
    await folder.close();
    tell(report, folder.faults);
  },
});

const COMMANDS = [checkCommand, backupCommand, repairCommand];

export const dataCommand: Command = {
  command: "data",
  describe: "Check, back up or repair a consumer's data folder",
  rows: COMMANDS.flatMap(({ rows }) => rows),
  subcommands: COMMANDS,
  builder: (argv) =>
    argv
      .command(checkCommand)
      .command(backupCommand)
      .command(repairCommand)
      .demandCommand(1, "no command: use check, backup or repair; see --help"),
  handler: () => undefined,
};

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
