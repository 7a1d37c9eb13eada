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
      serializers: { error: pino.stdSerializers.err },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    output,
  );
  output.onRoom = (count) =>
    logger.warn({ count }, "log lines were dropped: their reader was slow");
  return logger;
}
