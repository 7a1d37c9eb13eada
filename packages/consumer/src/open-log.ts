// The log that a consumer's options ask for.
import { join } from "node:path";
import { LmdbLog, MemoryLog, type Log } from "@shardcast/log";
import type { ConsumerOptions } from "./consumer-options.ts";

const TAIL_OF_TOPIC_BYTES = 1024 * 1024;

/** @throws SHARDCAST_DATA_LOCKED, SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT, SHARDCAST_OPTION_INVALID */
export async function openLog(nodeId: string, options: ConsumerOptions): Promise<Log> {
  const { retention, maxLogBytes: maxBytes } = options;
  switch (options.log) {
    case "memory":
      return new MemoryLog({ retention, maxBytes });
    case "lmdb": {
      const { windowMs, maxIds } = options.dedupe;
      return LmdbLog.open({
        folder: join(options.dataFolder, nodeId),
        nodeId,
        retention,
        maxBytes,
        // A window has two generations.
        ids: { ageMs: 2 * windowMs, count: 2 * maxIds },
        tail: { bytes: TAIL_OF_TOPIC_BYTES, maxBytes: options.tailBytes },
      });
    }
  }
}
