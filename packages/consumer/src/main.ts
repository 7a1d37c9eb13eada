// The command shardcast-consumer: options in, a running node out.
import { runNode } from "@shardcast/server";
import { startConsumer } from "./consumer.ts";
import { AUTO_ID, ownId } from "./own-id.ts";
import { CONSUMER_OPTIONS, parseConsumerOptions } from "./consumer-options.ts";

export function main(): Promise<void> {
  return runNode({
    role: "consumer",
    description: "Owns topics: stores their messages and fans them out to subscribers.",
    options: CONSUMER_OPTIONS,
    resolveId: async ({ id, ring, port }) => (id === AUTO_ID ? ownId(ring.members, port) : id),
    start: (core, raw) => startConsumer(core, parseConsumerOptions(raw)),
  });
}
