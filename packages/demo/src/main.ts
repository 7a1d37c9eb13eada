// `npm run TOPIC`: two of these in two terminals talk to each other.
import { ShardcastError, connect } from "@shardcast/client";
import { Conversation } from "./conversation.ts";
import { announceLinks } from "./links.ts";
import { readOptions, type DemoOptions } from "./options.ts";
import { openScreen } from "./screen.ts";

const CONNECT_TIMEOUT_MS = 5000;
/** Short, since a person waits, and few clients reconnect at once. */
const RECONNECT_MAX_MS = 1000;
/** One Ctrl-C can cause two signals: one from the terminal, and one passed on by npm. */
const SAME_SIGNAL_MS = 500;
const EXIT_KILLED = 130;

/** Runs until the input ends. Reports a failure as one line on stderr, and exits with code 1. */
export async function main(): Promise<void> {
  process.stdout.on("error", stdoutOnError);
  try {
    const options = readOptions(process.argv.slice(2), process.env);
    if (options === undefined) return;
    const failedCount = await talk(options);
    if (failedCount > 0) process.exitCode = 1;
  } catch (error) {
    process.stderr.write(`TOPIC: ${explain(error)}\n`);
    process.exitCode = 1;
  }
}

async function talk(options: DemoOptions): Promise<number> {
  const { producers, consumers, psk, topic, from, name } = options;
  const client = await connect({
    producers,
    consumers,
    psk,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    reconnect: { maxMs: RECONNECT_MAX_MS },
  });
  const screen = openScreen();
  try {
    announceLinks(client, screen);
    const conversation = new Conversation({ client, screen, topic, from, name });
    leaveOnSignal(conversation);
    if (screen.isTerminal) screen.status(`on ${topic}: type a line to publish it, Ctrl-D to leave`);
    return await conversation.run();
  } finally {
    client.close();
    screen.close();
  }
}

/** The first signal waits for publishes in flight; a second one does not. */
function leaveOnSignal(conversation: Conversation): void {
  let firstAt: number | undefined;
  const processOnSignal = (): void => {
    if (firstAt === undefined) {
      firstAt = performance.now();
      conversation.leave();
    } else if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(EXIT_KILLED);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, processOnSignal);
}

/** One line: what happened, what to do, and the code. */
function explain(error: unknown): string {
  if (!(error instanceof ShardcastError)) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  return `${error.message}${HINTS[error.code] ?? ""} (${error.code})`;
}

const HINTS: Partial<Record<string, string>> = {
  SHARDCAST_HANDSHAKE_FAILED: "; give the cluster's own by --psk or --psk-file",
  SHARDCAST_TIMEOUT: "; npm start runs a cluster",
};

/** The reader of the output has closed the pipe. */
function stdoutOnError(error: Error & { readonly code?: string }): void {
  if (error.code !== "EPIPE") throw error;
  process.exit();
}
