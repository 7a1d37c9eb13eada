import { ShardcastError } from "@shardcast/protocol";
import { pino, type Logger } from "pino";
import { LogOutput } from "./log-output.ts";

/**
 * A logger that writes JSON lines to stdout.
 * @param fields that every line has
 */
export function createLogger(level: string, fields: Readonly<Record<string, string>>): Logger {
  // What is written to stderr has no other place to go.
  process.stderr.on("error", () => undefined);
  const output = new LogOutput(process.stdout);
  const logger = pino(
    {
      level,
      base: fields,
      serializers: { error: loggedError },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    output,
  );
  output.onRoom = (count) =>
    logger.warn({ count }, "log lines were dropped: their reader was slow");
  return logger;
}

/** What was foreseen has a code that says enough; a stack trace is for what nobody foresaw. */
function loggedError(error: unknown): unknown {
  if (!(error instanceof ShardcastError) || error.code === "SHARDCAST_INTERNAL") {
    return error instanceof Error ? pino.stdSerializers.err(error) : error;
  }
  const { code, message, retryable, cause } = error;
  const why =
    cause instanceof Error && !message.includes(cause.message) ? cause.message : undefined;
  return { type: "ShardcastError", code, message, retryable, cause: why };
}
