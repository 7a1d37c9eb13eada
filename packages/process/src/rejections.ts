import type { Logger } from "pino";

/** The last line of defence: a rejected promise without a handler is logged, and does not end the process. */
export function outliveRejections(logger: Logger): void {
  process.on("unhandledRejection", (error) => {
    logger.error({ error }, "a promise was rejected, and nobody was told");
  });
}
