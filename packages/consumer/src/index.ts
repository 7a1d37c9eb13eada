// @shardcast/consumer: starts a consumer node within another program.
//
//   owner → owned-topic → log          publishes: numbered, stored, acked
//   fan-out → subscription             fan-out and catching up, for owned and relayed topics
//   relayed-topic                      topics that another consumer owns
export { parseConsumerOptions } from "./start/consumer-options.ts";
export { startConsumer } from "./consumer.ts";
