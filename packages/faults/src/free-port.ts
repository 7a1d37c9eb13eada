// A TCP port that stays free while its process is down. Systems give the ports from 32,768 on to outgoing connections:
// one of those could take the port before the process starts again.
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

const PORT_MIN = 12_000;
const PORT_MAX = 22_000;
/** A node of a Redis cluster uses a second port, 10,000 higher. */
const BUS_OFFSET = 10_000;

/** A free port of 127.0.0.1; the port 10,000 above it is free as well. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_MAX);
    if ((await isFree(port)) && (await isFree(port + BUS_OFFSET))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    const listening = once(server, "listening");
    server.listen(port, "127.0.0.1");
    await listening;
  } catch {
    return false;
  }
  server.close();
  await once(server, "close");
  return true;
}
