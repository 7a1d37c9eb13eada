// Finds TCP ports that stay free while their process is down. Operating systems assign ports from
// 32,768 up to outgoing connections, which could occupy the port before the process restarts.
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

const PORT_MIN = 12_000;
const PORT_MAX = 22_000;
/** A node of a Redis cluster also uses the port 10,000 higher. */
const BUS_OFFSET = 10_000;

/** A free port on 127.0.0.1; the port 10,000 higher is free too. */
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
