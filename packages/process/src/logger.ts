import { ShardcastError } from "@shardcast/protocol";
import { pino, type Logger } from "pino";
import { LogOutput } from "./log-output.ts";

/** Receives the lines of a logger, one by one. */
export interface LineOutput {
  write(line: string): void;
}

/**
 * Creates a logger that writes JSON lines to stdout.
 * @param fields included in every line
 */
export function createLogger(level: string, fields: Readonly<Record<string, string>>): Logger {
  // An error of stderr cannot be reported anywhere.
  process.stderr.on("error", () => undefined);
  const output = new LogOutput(process.stdout);
  const logger = createLoggerTo(output, level, fields);
  output.onRoom = (count) =>
    logger.warn({ count }, "log lines were dropped because their reader was slow");
  return logger;
}

/** Creates a logger that writes JSON lines to an output. */
export function createLoggerTo(
  output: LineOutput,
  level: string,
  fields: Readonly<Record<string, string>>,
): Logger {
  return pino(
    {
      level,
      base: fields,
      serializers: { error: loggedError },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    output,
  );
}

/** Logs expected errors with their code only, unexpected errors with a stack trace. */
function loggedError(error: unknown): unknown {
  if (!(error instanceof ShardcastError) || error.code === "SHARDCAST_INTERNAL") {
    return error instanceof Error ? pino.stdSerializers.err(error) : error;
  }
  const { code, message, retryable, cause } = error;
  const why =
    cause instanceof Error && !message.includes(cause.message) ? cause.message : undefined;
  return { type: "ShardcastError", code, message, retryable, cause: why };
}
