// The command shardcast-producer: options in, a running node out.
import {
  NODE_OPTIONS,
  NodeMetrics,
  createLogger,
  createNodeCore,
  parseNodeOptions,
  readOptions,
  runNode,
} from "@shardcast/server";
import { startProducer } from "./producer.ts";

const PRODUCER_OPTIONS = {
  id: { type: "string", default: "producer", describe: "What this node is called in logs" },
  port: { type: "number", default: 9000, describe: "Port; 0 picks one (or PORT)" },
  ...NODE_OPTIONS,
} as const;

export function main(): Promise<void> {
  return runNode({
    scriptName: "shardcast-producer",
    start: async () => {
      const raw = readOptions(PRODUCER_OPTIONS, {
        argv: process.argv.slice(2),
        env: process.env,
        scriptName: "shardcast-producer",
        description: "Takes publishes, and hands each to the consumer that owns its topic.",
      });
      const options = parseNodeOptions(raw, process.env);
      const labels = { role: "producer", node: options.id };
      const logger = createLogger(options.logLevel, labels);
      const core = createNodeCore(options, logger, new NodeMetrics(labels));
      return { node: await startProducer(core), logger };
    },
    ready: () => ({}),
  });
}
