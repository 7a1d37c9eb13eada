// The command `shardcast`: run a cluster, publish, subscribe.
import { checkNumbers, spellSwitches } from "@shardcast/process";
import { markLiterals, optionInvalid, unmarkLiterals } from "@shardcast/server";
import yargs from "yargs";
import type { NodeBins } from "./cluster-plan.ts";
import { dataCommand } from "./data.ts";
import { describeFailure } from "./fault.ts";
import { publishCommand } from "./publish.ts";
import { subscribeCommand } from "./subscribe.ts";
import { tokenCommand } from "./token.ts";
import { upCommand } from "./up.ts";

const HELP_COLUMNS = 100;
const SWITCHES: ReadonlySet<string> = new Set(["json", "legacy-protocol", "new-epochs"]);
const NUMBERS: ReadonlySet<string> = new Set([
  "producers",
  "consumers",
  "port",
  "drain-timeout",
  "count",
  "expires",
]);

/** Runs the command of the command line. On a failure, prints one line to stderr and sets exit code 1. */
export async function main(bins: NodeBins): Promise<void> {
  process.stdout.on("error", stdoutOnError);
  try {
    checkNumbers(process.argv.slice(2), (name) => NUMBERS.has(name));
    await yargs(spellSwitches(markLiterals(process.argv.slice(2)), (name) => SWITCHES.has(name)))
      .scriptName("shardcast")
      .usage("$0 <command> [options]\n\nA topic-sharded message queue over WebSockets.")
      .command(upCommand(bins))
      .command(publishCommand)
      .command(subscribeCommand)
      .command(tokenCommand)
      .command(dataCommand)
      .demandCommand(1, "no command: use up, publish, subscribe, token or data; see --help")
      .middleware(unmarkLiterals, true)
      .strict()
      .locale("en")
      .wrap(Math.min(HELP_COLUMNS, process.stdout.isTTY ? process.stdout.columns : HELP_COLUMNS))
      .version(false)
      .exitProcess(false)
      .fail((message: string | undefined, error: unknown) => {
        if (error instanceof Error) throw error;
        throw optionInvalid(inOneLine(message ?? "unusable options"));
      })
      .parseAsync();
  } catch (error) {
    process.stderr.write(`shardcast: ${describeFailure(error)}\n`);
    process.exitCode = 1;
  }
}

/** yargs describes a wrong value in several lines. */
function inOneLine(text: string): string {
  return text
    .split(/\s*\n\s*/)
    .join(" ")
    .trim();
}

/** Exits without an error when the reader of the output has closed it. */
function stdoutOnError(error: Error & { readonly code?: string }): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}
