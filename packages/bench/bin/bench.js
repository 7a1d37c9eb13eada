#!/usr/bin/env node
import { main } from "../dist/main.js";
await main({
  producer: new URL("../../producer/bin/shardcast-producer.js", import.meta.url),
  peerServer: new URL("peer-server.js", import.meta.url),
  load: new URL("load.js", import.meta.url),
  consumer: new URL("../../consumer/bin/shardcast-consumer.js", import.meta.url),
});
