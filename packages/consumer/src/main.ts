// The command shardcast-consumer: options in, a running node out.
import {
  NodeMetrics,
  createLogger,
  createNodeCore,
  parseNodeOptions,
  readOptions,
  runNode,
} from "@shardcast/server";
import { startConsumer } from "./consumer.ts";
import { CONSUMER_OPTIONS, parseConsumerOptions } from "./consumer-options.ts";

export function main(): Promise<void> {
  return runNode({
    scriptName: "shardcast-consumer",
    start: async () => {
      const raw = readOptions(CONSUMER_OPTIONS, {
        argv: process.argv.slice(2),
        env: process.env,
        scriptName: "shardcast-consumer",
        description: "Owns topics: stores their messages and fans them out to subscribers.",
      });
      const options = parseNodeOptions(raw, process.env);
      const labels = { role: "consumer", node: options.id };
      const logger = createLogger(options.logLevel, labels);
      const core = createNodeCore(options, logger, new NodeMetrics(labels));
      return { node: await startConsumer(core, parseConsumerOptions(raw)), logger };
    },
    ready: () => ({}),
  });
}
