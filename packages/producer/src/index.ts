// @shardcast/producer: a producer node to be started within another program.
export { startProducer } from "./producer.ts";
