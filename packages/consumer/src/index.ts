// @shardcast/consumer: a consumer node to be started within another program.
//
//   owner → owned-topic → log          publishes: numbered, stored, acked
//   topic → subscription               fan-out and catching up, owned or relayed
//   relayed-topic                      what another consumer owns
export { parseConsumerOptions } from "./start/consumer-options.ts";
export { startConsumer } from "./consumer.ts";
