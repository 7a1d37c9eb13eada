// Publishes three messages to a topic and follows the topic. Every subscriber gets the messages in the order
// of their offsets.
//
// Start a cluster with `npm start`. In a second terminal: node examples/publish-and-follow.js
import { readFileSync } from "node:fs";
import { connect } from "@shardcast/client";

// The address of any node, and the pre-shared key that `npm start` wrote.
const url = process.argv[2] ?? "http://127.0.0.1:9100";
const psk = readFileSync("data/psk", "utf8").trim();
const client = await connect({ url, psk });

const subscription = client.subscribe("headlines");
await subscription.ready; // The subscription gets every message that is stored after this point.

// The messages of one topic are stored in the order of the calls. There is no need to wait for each ack.
const titles = ["one", "two", "three"];
const acks = await Promise.all(titles.map((title) => client.publish("headlines", { title })));
for (const { epoch, offset } of acks) console.log(`stored at ${epoch}_${offset}`);

let remaining = titles.length;
for await (const message of subscription) {
  console.log(message.position, message.data);
  remaining -= 1;
  if (remaining === 0) break; // Leaving the loop closes the subscription.
}

await client.drain();
