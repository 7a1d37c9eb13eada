// A process stops gracefully whatever asks it to: a signal, or the end of the process that supervises it.
import type { Logger } from "pino";

/** Those that end a process by default and that people or supervisors send, except SIGKILL, which nothing can catch. */
const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR2"] as const;
/** What a stop may take beyond the drain timeout. */
const MARGIN_MS = 5000;

export interface Stoppable {
  /** Stops; called again, it is the same stop. */
  drain(): Promise<void>;
  /** In ms: how long clients may take to leave. */
  readonly drainTimeoutMs: number;
}

/** Ends the process with 0 when it has stopped, with 1 when it could not within the drain timeout and 5 s. */
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

/** A process that another Node process started with a channel to it does not outlive that one. */
function stopWithoutParent(stop: (reason: string) => void): void {
  if (process.send === undefined) return;
  const processOnDisconnect = (): void => stop("the supervisor is gone");
  if (process.connected) process.once("disconnect", processOnDisconnect);
  else processOnDisconnect();
}
