// Delays an upgrade until the answers to earlier requests on the same connection are written (RFC 9110 §7.8). The
// client would read later answers as WebSocket frames.
import type { Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { Duplex } from "node:stream";

export class EarlierAnswers {
  /** The answer to the last request of each connection. Answers are written in the order of the requests. */
  readonly #last = new WeakMap<Duplex, ServerResponse>();

  constructor(server: Server | TlsServer) {
    server.on("request", ({ socket }, response: ServerResponse) => {
      this.#last.set(socket, response);
    });
  }

  /** Calls `done` when the earlier answers are written, immediately if there are none. */
  written(connection: Duplex, done: () => void): void {
    const last = this.#last.get(connection);
    if (last === undefined || last.writableFinished || last.destroyed) done();
    else last.once("close", done);
  }
}
