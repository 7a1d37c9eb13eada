// Requests of one connection that wait for their answers (pipelining, RFC 9112 §9.3.2). Node's server takes all that
// come in one piece, some two thousand, whatever becomes of the first of them.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

export const MAX_UNANSWERED = 64;
/** How long a connection with one too many has for the answers to those before it. */
const END_MS = 5000;

export class UnansweredRequests {
  readonly #counts = new WeakMap<Socket, number>();

  /**
   * Counts a request until it is answered. Where it is one too many, its answer is the connection's last: what
   * came behind it is to be left alone, and what comes yet is no request.
   */
  add({ socket }: IncomingMessage, response: ServerResponse): "taken" | "one too many" | "behind" {
    const count = this.#counts.get(socket) ?? 0;
    if (count === Infinity) return "behind";
    if (count === MAX_UNANSWERED) {
      this.#counts.set(socket, Infinity);
      response.shouldKeepAlive = false;
      discardRest(socket);
      setTimeout(() => socket.destroy(), END_MS).unref();
      return "one too many";
    }
    this.#counts.set(socket, count + 1);
    // Each may want to know when the connection ends.
    socket.setMaxListeners(2 * MAX_UNANSWERED);
    // Of one that waits when its connection ends nobody is told, and nobody counts it any more.
    response.once("close", () => this.#counts.set(socket, (this.#counts.get(socket) ?? 1) - 1));
    return "taken";
  }
}

/** Takes the parser off. What is read is dropped: an end with bytes unread would cost the client its answers (RST). */
function discardRest(socket: Socket): void {
  socket.removeAllListeners("data");
  socket.on("data", () => undefined).resume();
}
