// The command shardcast-consumer: parses options and starts a node.
import { hostname } from "node:os";
import { CONSUMER_OPTIONS } from "@shardcast/options";
import { runNode } from "@shardcast/server";
import { startConsumer } from "./consumer.ts";
import { AUTO_ID, ownId } from "./start/own-id.ts";
import { parseConsumerOptions } from "./start/consumer-options.ts";

export function main(): Promise<void> {
  return runNode({
    role: "consumer",
    description: "Owns topics: stores their messages and fans them out to subscribers.",
    options: CONSUMER_OPTIONS,
    resolveId: async ({ id, consumers, port }, members) => {
      if (id !== AUTO_ID) return id;
      // Find the id in the list of consumers; without a list, use the host name.
      const isListed = consumers.type === "list" || consumers.type === "file";
      return isListed ? ownId(members, port) : hostname();
    },
    start: (core, values) => startConsumer(core, parseConsumerOptions(values)),
  });
}
