// The command shardcast-switchboard: options in, a running switchboard out.
import { ShardcastError } from "@shardcast/client";
import { pino, type Logger } from "pino";
import { readOptions } from "./options.ts";
import { Switchboard } from "./switchboard.ts";

/** @param webFolder where the files of the page are */
export async function main(webFolder: string): Promise<void> {
  try {
    const options = readOptions(process.argv.slice(2), process.env);
    if (options === undefined) return;
    const logger = createLogger(options.logLevel);
    const switchboard = await Switchboard.listen(options, webFolder, logger);
    switchboard.failed.catch(fail);
    stopOnSignal(switchboard, logger);
    outliveRejections(logger);
    logger.info({ url: switchboard.url, pid: process.pid }, "listening");
  } catch (error) {
    fail(error);
  }
}

/** One clear line, and exit code 1. */
function fail(error: unknown): never {
  process.stderr.write(`shardcast-switchboard: ${explain(error)}\n`);
  process.exit(1);
}

function explain(error: unknown): string {
  if (error instanceof ShardcastError) return `${error.message} (${error.code})`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function stopOnSignal(switchboard: Switchboard, logger: Logger): void {
  const processOnSignal = (signal: string): void => {
    logger.info({ signal }, "stopping");
    switchboard.drain().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error }, "could not stop cleanly");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", processOnSignal);
  process.on("SIGINT", processOnSignal);
}

/** The last line of defence: every promise has its handler, and one that has none must not end the process. */
function outliveRejections(logger: Logger): void {
  process.on("unhandledRejection", (error) => {
    logger.error({ error }, "a promise was rejected, and nobody was told");
  });
}

/** JSON lines on stdout. */
function createLogger(level: string): Logger {
  return pino({
    level,
    base: { role: "switchboard" },
    serializers: { error: pino.stdSerializers.err },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}
