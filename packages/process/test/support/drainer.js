// A process that logs and stops as nodes do. Its argument says how many lines of 1,000 bytes it logs at the start.
import process from "node:process";
import { setInterval } from "node:timers";
import { createLogger, stopOnSignal } from "../../dist/index.js";

const logger = createLogger("info", {});
stopOnSignal(logger, {
  drainTimeoutMs: 0,
  drain: async () => {
    logger.info("drained");
    if (process.connected) process.send?.("drained");
  },
});
for (let count = Number(process.argv[2]); count > 0; count -= 1) logger.info("x".repeat(1000));
setInterval(() => logger.info("alive"), 50);
