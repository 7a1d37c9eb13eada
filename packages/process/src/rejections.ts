import type { Logger } from "pino";

/** As a last resort, logs a rejected promise without a handler instead of ending the process. */
export function outliveRejections(logger: Logger): void {
  process.on("unhandledRejection", (error) => {
    logger.error({ error }, "a promise was rejected without a handler");
  });
}
