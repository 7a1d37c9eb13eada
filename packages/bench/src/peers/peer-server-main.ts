// The process of a peer that is a Node program: node peer-server.js <which> <port>
import { serveBare } from "./bare-ws-server.ts";
import { serveSocketIo } from "./socket-io-server.ts";

export async function main(): Promise<void> {
  const [which, port] = process.argv.slice(2);
  if (which === "socket.io") await serveSocketIo(Number(port));
  else await serveBare(which === "ws" ? "send" : "limit", Number(port));
  process.stdout.write("ready\n");
}
