// The command shardcast-producer: options in, a running node out.
import { REDIS_OPTIONS, parseRedisOptions } from "@shardcast/redis/options";
import { NODE_OPTIONS, runNode } from "@shardcast/server";
import { startProducer } from "./producer.ts";

const PRODUCER_OPTIONS = {
  id: { type: "string", default: "producer", describe: "What this node is called in logs" },
  port: { type: "number", default: 9000, describe: "Port; 0 picks one (or PORT)" },
  ...NODE_OPTIONS,
  ...REDIS_OPTIONS,
} as const;

export function main(): Promise<void> {
  return runNode({
    role: "producer",
    description: "Takes publishes, and hands each to the consumer that owns its topic.",
    options: PRODUCER_OPTIONS,
    start: (core, raw) => startProducer(core, parseRedisOptions(raw)),
  });
}
