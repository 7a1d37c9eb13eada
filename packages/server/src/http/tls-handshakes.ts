// Ends connections whose TLS handshake takes too long. Node's own timeout measures silence only: a
// client that sends a byte now and then would hold its file descriptor for ever.
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";

const TICK_MS = 250;

interface Handshake {
  readonly tcp: Socket;
  readonly deadline: number;
}

/**
 * @param server a server of node:https
 * @param limitMs the most time that a handshake may take after the connection was accepted, in ms
 */
export function limitTlsHandshakes(server: EventEmitter, limitMs: number): void {
  /** By the client's address and port, in the order of their deadlines. */
  const pending = new Map<string, Handshake>();
  server.on("connection", (tcp: Socket) => {
    const key = addressOf(tcp);
    pending.set(key, { tcp, deadline: performance.now() + limitMs });
    tcp.once("close", () => {
      if (pending.get(key)?.tcp === tcp) pending.delete(key);
    });
  });
  server.on("secureConnection", (socket: Socket) => pending.delete(addressOf(socket)));
  const timer = setInterval(() => {
    const now = performance.now();
    for (const [key, { tcp, deadline }] of pending) {
      if (deadline > now) return;
      pending.delete(key);
      tcp.destroy();
    }
  }, TICK_MS);
  timer.unref();
  server.once("close", () => clearInterval(timer));
}

function addressOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
