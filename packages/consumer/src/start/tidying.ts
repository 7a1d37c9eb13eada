// The periodic work of a consumer: deletes messages past their retention, and probes a log that
// could not be written.
import type { Log } from "@shardcast/log";
import type { NodeCore } from "@shardcast/server";
import type { TopicParts } from "./create-topics.ts";

const INTERVAL_MS = 250;

/** @returns a function that stops the work */
export function startTidying(
  { clock, logger }: NodeCore,
  log: Log,
  { topics, owner }: TopicParts,
): () => void {
  let isTidy = true;
  const timer = setInterval(() => {
    try {
      const now = clock.now();
      topics.tidy(now);
      log.tidy(now);
      isTidy = true;
    } catch (error) {
      // A damaged place on disk must not end the node.
      if (isTidy) logger.error({ error }, "topics could not be tidied");
      isTidy = false;
    }
    // Commit the changes on disk now, without waiting for a publish.
    if (owner.isIdle) owner.flush();
    owner.health.probe();
  }, INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
