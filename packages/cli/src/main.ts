// The command `shardcast`: run a cluster, publish, subscribe.
import { argumentsFor, strict } from "@shardcast/options";
import yargs from "yargs";
import { asyncapiCommand } from "./asyncapi.ts";
import type { NodeBins } from "./cluster-plan.ts";
import { dataCommand } from "./data.ts";
import { describeFailure } from "./fault.ts";
import { publishCommand } from "./publish.ts";
import { subscribeCommand } from "./subscribe.ts";
import { tokenCommand } from "./token.ts";
import { upCommand } from "./up.ts";

/** Runs the command of the command line. On a failure, prints one line to stderr and sets exit code 1. */
export async function main(bins: NodeBins): Promise<void> {
  process.stdout.on("error", stdoutOnError);
  try {
    const up = upCommand(bins);
    const clients = [publishCommand, subscribeCommand, tokenCommand];
    const commands = [up, ...clients, asyncapiCommand, dataCommand];
    const rows = commands.flatMap((command) => command.rows);
    await strict(yargs(argumentsFor(process.argv.slice(2), rows)))
      .scriptName("shardcast")
      .usage("$0 <command> [options]\n\nA topic-sharded message queue over WebSockets.")
      .command(up)
      .command(publishCommand)
      .command(subscribeCommand)
      .command(tokenCommand)
      .command(asyncapiCommand)
      .command(dataCommand)
      .demandCommand(
        1,
        "no command: up, publish, subscribe, token, asyncapi or data; --help tells more",
      )
      .parseAsync();
  } catch (error) {
    process.stderr.write(`shardcast: ${describeFailure(error)}\n`);
    process.exitCode = 1;
  }
}

/** Exits without an error when the reader of the output has closed it. */
function stdoutOnError(error: Error & { readonly code?: string }): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}
