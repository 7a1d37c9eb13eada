// Shows who is in a room, and reports when users join and leave.
//
// Start a cluster with `npm start`. In a second terminal: node examples/presence.js ann
// In a third one: node examples/presence.js bob
// Stop one of them with Ctrl-C: the other one reports it.
import { readFileSync } from "node:fs";
import { connect } from "@shardcast/client";

const [user = "ann", url = "http://127.0.0.1:9100"] = process.argv.slice(2);
const psk = readFileSync("data/psk", "utf8").trim();
const client = await connect({ url, psk });

const room = client.presence("room");

// A user may be a member several times, once for each tab or device. Report only the first and the last one.
room.on("join", ({ member, isFirst }) => {
  if (isFirst) console.log(`${member.user} joined`);
});
room.on("leave", ({ member, isLast }) => {
  if (isLast) console.log(`${member.user} left`);
});

await room.enter({ user });
await room.ready; // The list is complete, and the client keeps it up to date.
console.log(
  `${room.userCount} in the room: ${room.members.map((member) => member.user).join(", ")}`,
);

// Without leave(), the others see this user for 10 more seconds, in case the client reconnects.
process.once("SIGINT", () => {
  room.leave();
  void client.drain();
});
