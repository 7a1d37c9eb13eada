// Stops a process gracefully: on a signal, or when the process that supervises it ends.
import type { Logger } from "pino";

/** The signals that end a process by default and that people or supervisors send, except SIGKILL. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const;
/** How long a stop may take beyond the drain timeout, in ms. */
const MARGIN_MS = 5000;

export interface Stoppable {
  /** Stops. A further call returns the same stop. */
  drain(): Promise<void>;
  /** How long clients may take to leave, in ms. */
  readonly drainTimeoutMs: number;
}

/** Ends the process with status 0 when it has stopped, or with 1 if it did not within the drain timeout plus 5 s. */
export function stopOnSignal(logger: Logger, stoppable: Stoppable): void {
  let isStopping = false;
  const stop = (reason: string): void => {
    if (isStopping) return;
    isStopping = true;
    logger.info({ reason }, "stopping");
    setTimeout(() => {
      logger.error("did not stop in time");
      process.exit(1);
    }, stoppable.drainTimeoutMs + MARGIN_MS);
    stoppable.drain().then(
      () => process.exit(0),
      (error: unknown) => {
        logger.error({ error }, "could not stop cleanly");
        process.exit(1);
      },
    );
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  stopWithoutParent(stop);
}

/** If a Node process started this one with an IPC channel, this process stops when that one ends. */
function stopWithoutParent(stop: (reason: string) => void): void {
  if (process.send === undefined) return;
  const processOnDisconnect = (): void => stop("the supervisor ended");
  if (process.connected) process.once("disconnect", processOnDisconnect);
  else processOnDisconnect();
}
