// Follows a topic and saves the position of each message that it has handled. When it is started again, it
// resumes after that position, so it gets every message that was stored in the meantime.
//
// Start a cluster with `npm start`. In a second terminal: node examples/resume.js
// In a third one: npx shardcast publish orders one two
// Stop this program with Ctrl-C, publish more messages, and start it again.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { connect } from "@shardcast/client";

const FILE = "data/orders-position";

const url = process.argv[2] ?? "http://127.0.0.1:9100";
const psk = readFileSync("data/psk", "utf8").trim();
const client = await connect({ url, psk });

const from = existsSync(FILE) ? readFileSync(FILE, "utf8") : "earliest";
console.log(`following orders from ${from}`);
const subscription = client.subscribe("orders", { from });

// The cluster keeps a topic's messages for a limited time. A gap names the ones that are gone.
subscription.on("gap", ({ first, last }) => console.log(`messages ${first} to ${last} are gone`));

for await (const message of subscription) {
  console.log(message.position, message.text());
  save(message.position);
}

/** If the program is killed before this, it handles the message again after the restart. */
function save(/** @type {string} */ position) {
  // The rename replaces the whole file, so that a crash leaves either the old position or the new one.
  writeFileSync(`${FILE}.new`, position);
  renameSync(`${FILE}.new`, FILE);
}
