// Limits the unanswered requests of one connection (pipelining, RFC 9112 §9.3.2). Node's server parses all requests
// that arrive in one chunk, about two thousand, even if it refuses the first.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

export const MAX_UNANSWERED = 64;
/** How long a connection over the limit has to send the earlier answers, in ms. */
const END_MS = 5000;

export class UnansweredRequests {
  readonly #counts = new WeakMap<Socket, number>();

  /**
   * Counts a request until it is answered. "one too many": the answer to this request is the connection's last.
   * "behind": the caller must ignore the request, because it follows one over the limit.
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
    // Each request may add listeners for the end of the connection.
    socket.setMaxListeners(2 * MAX_UNANSWERED);
    // A waiting request gets no event when its connection ends; its count is not needed any more then.
    response.once("close", () => this.#counts.set(socket, (this.#counts.get(socket) ?? 1) - 1));
    return "taken";
  }
}

/** Detaches the parser and drops the input. Ending with unread bytes would cost the client its answers (RST). */
function discardRest(socket: Socket): void {
  socket.removeAllListeners("data");
  socket.on("data", () => undefined).resume();
}
