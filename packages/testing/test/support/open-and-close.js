// Starts and closes clusters, one of which cannot start, and prints what they have left in the process.
import console from "node:console";
import process from "node:process";
import { setImmediate } from "node:timers";
import { startCluster } from "@shardcast/testing";

/** Sockets and timers that keep a process alive. Its own output is none of them. */
const KINDS = ["TCPServerWrap", "TCPSocketWrap", "PipeServerWrap", "Timeout", "FSReqCallback"];
/** Closed sockets end within a few turns of the event loop. */
const TURNS = 1000;

const before = listeners();
for (const log of ["memory", "lmdb"]) {
  const cluster = await startCluster({ consumers: 2, producers: 1, log });
  const { consumers, producers, network } = cluster;
  const client = await cluster.connect();
  const far = await cluster.connect({ producers, consumers });
  const room = client.presence("room");
  const entered = room.enter({ user: "ann" });
  room.ready.catch(() => undefined);
  await entered;
  const seen = far.subscribe("news");
  await seen.ready;
  await far.publish("news", "hello");
  await cluster.kill("c1");
  await cluster.restart("c1");
  network.delay(60_000, "c1");
  network.freeze("c2");
  client.publish("news", "never stored").catch(() => undefined);
  await cluster.close();
}
await startCluster({ nodeOptions: { "max-payload": 0 } }).then(
  () => console.log("it has started"),
  ({ code }) => console.log(code),
);
for (let turn = 0; turn < TURNS && open().length > 0; turn += 1) await new Promise(setImmediate);
console.log(JSON.stringify({ open: open(), isSame: listeners() === before }));

function open() {
  return process.getActiveResourcesInfo().filter((kind) => KINDS.includes(kind));
}

function listeners() {
  const names = process.eventNames().filter((name) => name !== "exit");
  return JSON.stringify(names.map((name) => [String(name), process.listenerCount(name)]));
}
