// The command shardcast-switchboard: starts a switchboard from its options.
import { createLogger, explain, outliveRejections, stopOnSignal } from "@shardcast/process";
import { readOptions } from "./options.ts";
import { Switchboard } from "./switchboard.ts";

/** @param webFolder the folder with the page's files */
export async function main(webFolder: string): Promise<void> {
  try {
    const options = readOptions(process.argv.slice(2), process.env);
    if (options === undefined) return;
    const logger = createLogger(options.logLevel, { role: "switchboard" });
    const switchboard = await Switchboard.listen(options, webFolder, logger);
    switchboard.failed.catch(fail);
    stopOnSignal(logger, switchboard);
    outliveRejections(logger);
    logger.info({ url: switchboard.url, pid: process.pid }, "listening");
  } catch (error) {
    fail(error);
  }
}

/** Prints the error in one line and exits with code 1. */
function fail(error: unknown): never {
  process.stderr.write(`shardcast-switchboard: ${explain(error)}\n`);
  process.exit(1);
}
