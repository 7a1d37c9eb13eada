// `shardcast data`: looks after a consumer's folder. Checking and backing up work while the node runs.
import {
  checkStore,
  openForReading,
  repairStore,
  writeBackup,
  writeFolder,
  type StoreReport,
} from "@shardcast/log";
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
    const { store } = await openForReading(text(raw, "folder"));
    const report = checkStore(store);
    await store.close();
    tell(report);
    if (report.faults.length > 0) process.exitCode = 1;
  },
};

const backupCommand: CommandModule = {
  command: "backup <folder> <to>",
  describe: "Copy it as it is at this moment into a new folder",
  builder: (argv: Argv) => toOf(folderOf(argv)),
  handler: async (raw) => {
    const { store, node } = await openForReading(text(raw, "folder"));
    await writeBackup(store, node, text(raw, "to"));
    await store.close();
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
    const { store, node } = await openForReading(text(raw, "folder"));
    const isAnew = switchOf(raw, "new-epochs");
    const report = await writeFolder(text(raw, "to"), node, (target) =>
      repairStore(store, target, { isAnew }),
    );
    await store.close();
    tell(report);
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

function tell({ topics, messages, bytes, faults }: StoreReport): void {
  const size = (bytes / MEBIBYTE).toFixed(1);
  print(`${topics} topics, ${messages} messages, ${size} MiB; ${faults.length} faults`);
  for (const fault of faults) print(`fault: ${fault}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
