// From a command line to a running node: one clear line and exit code 1 where it cannot start, a
// graceful stop on SIGTERM and SIGINT, or when the process that supervises it is gone.
import { ShardcastError } from "@shardcast/protocol";
import { pino, type Logger } from "pino";
import type { ShardcastNode } from "./node.ts";

export interface RunOptions {
  /** What the command is called in its error line. */
  readonly scriptName: string;
  readonly start: () => Promise<{ readonly node: ShardcastNode; readonly logger: Logger }>;
  readonly ready: (node: ShardcastNode) => Record<string, unknown>;
}

export async function runNode({ scriptName, start, ready }: RunOptions): Promise<void> {
  let started: Awaited<ReturnType<typeof start>>;
  try {
    started = await start();
  } catch (error) {
    process.stderr.write(`${scriptName}: ${explain(error)}\n`);
    process.exitCode = 1;
    // Timers of what was begun must not keep the process.
    process.exit();
  }
  const { node, logger } = started;
  logger.info({ ...ready(node), url: node.url, port: node.port, pid: process.pid }, "ready");
  const stop = (reason: string): void => {
    logger.info({ reason }, "stopping");
    node.drain().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error }, "could not stop cleanly");
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  stopWithoutParent(stop);
}

/** Started by a Node process with a channel to it, a node does not outlive that process. */
function stopWithoutParent(stop: (reason: string) => void): void {
  if (process.send === undefined) return;
  const processOnDisconnect = (): void => stop("the supervisor is gone");
  if (process.connected) process.once("disconnect", processOnDisconnect);
  else processOnDisconnect();
}

/** The node's log: JSON lines on stdout. */
export function createLogger(level: string, fields: Readonly<Record<string, string>>): Logger {
  return pino({
    level,
    base: fields,
    serializers: { error: pino.stdSerializers.err },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  });
}

function explain(error: unknown): string {
  if (error instanceof ShardcastError) return `${error.message} (${error.code})`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
