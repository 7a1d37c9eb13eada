// The command shardcast-producer: options in, a running node out.
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
