// The command `shardcast`: run a cluster, publish, subscribe.
import { argumentsFor, optionInvalid, strict } from "@shardcast/options";
import { ShardcastError } from "@shardcast/protocol";
import yargs from "yargs";
import { asyncapiCommand } from "./asyncapi.ts";
import type { NodeBins } from "./cluster-plan.ts";
import type { Command } from "./command.ts";
import { dataCommand } from "./data.ts";
import { explainCommand } from "./explain.ts";
import { describeFailure } from "./fault.ts";
import { linksCommand } from "./links.ts";
import { messagesCommand } from "./messages.ts";
import { presenceCommand } from "./presence.ts";
import { publishCommand } from "./publish.ts";
import { pushCommand } from "./push.ts";
import { statusCommand } from "./status.ts";
import { subscribeCommand } from "./subscribe.ts";
import { suggestionFor } from "./suggestion.ts";
import { tokenCommand } from "./token.ts";
import { topicsCommand } from "./topics.ts";
import { upCommand } from "./up.ts";

/** The completion script of the shell runs the command with this argument and the words of the command line. */
const COMPLETION_REQUEST = "--get-yargs-completions";

/**
 * Runs the command of the command line. On a failure, prints one line to stderr and sets exit code 1.
 * @param version the version of the package
 */
export async function main(bins: NodeBins, version: string): Promise<void> {
  process.stdout.on("error", stdoutOnError);
  const argv = process.argv.slice(2);
  const commands = [
    upCommand(bins),
    publishCommand,
    subscribeCommand,
    messagesCommand,
    topicsCommand,
    presenceCommand,
    statusCommand,
    linksCommand,
    pushCommand,
    explainCommand,
    tokenCommand,
    asyncapiCommand,
    dataCommand,
  ];
  try {
    await run(argv, commands, version);
  } catch (error) {
    const failure = describeFailure(withSuggestion(error, argv, commands));
    process.stderr.write(`shardcast: ${failure}\n`);
    process.exitCode = 1;
  }
}

async function run(
  argv: readonly string[],
  commands: readonly Command[],
  version: string,
): Promise<void> {
  const rows = commands.flatMap((command) => command.rows);
  // An unfinished command line may contain values that its options refuse.
  const args = argv[0] === COMPLETION_REQUEST ? [...argv] : argumentsFor(argv, rows);
  const parser = strict(yargs(args))
    .scriptName("shardcast")
    .usage("$0 <command> [options]\n\nA topic-sharded message queue over WebSockets.")
    .version(version)
    .alias("help", "h")
    .completion("completion", "Print a script that completes commands in bash, zsh or fish")
    .demandCommand(1, "no command; to list the commands, run: shardcast --help");
  await commands.reduce((all, command) => all.command(command), parser).parseAsync();
}

/** Adds the probably intended spelling of a mistyped command or option to the error. */
function withSuggestion(
  error: unknown,
  argv: readonly string[],
  commands: readonly Command[],
): unknown {
  if (!(error instanceof ShardcastError) || error.code !== "SHARDCAST_OPTION_INVALID") return error;
  const suggestion = suggestionFor(argv, commands);
  if (suggestion === undefined) return error;
  return optionInvalid(`${error.message}; did you mean ${suggestion}?`);
}

/** Exits without an error when the reader of the output has closed it. */
function stdoutOnError(error: Error & { readonly code?: string }): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}
