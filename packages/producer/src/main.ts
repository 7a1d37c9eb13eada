// The command shardcast-producer: parses options and starts a node.
import { PRODUCER_OPTIONS } from "@shardcast/options";
import { parseRedisOptions } from "@shardcast/redis/options";
import { runNode } from "@shardcast/server";
import { startProducer } from "./producer.ts";

export function main(): Promise<void> {
  return runNode({
    role: "producer",
    description: "Takes publishes, and hands each to the consumer that owns its topic.",
    options: PRODUCER_OPTIONS,
    start: (core, values) => startProducer(core, parseRedisOptions(values)),
  });
}
