// @shardcast/producer: starts a producer node within another program.
export { startProducer } from "./producer.ts";
