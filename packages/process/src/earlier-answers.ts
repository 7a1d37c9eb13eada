// Keeps an upgrade behind the answers to what came before it on the same connection (RFC 9110 §7.8): written later,
// they would be read as WebSocket frames.
import type { Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";
import type { Duplex } from "node:stream";

export class EarlierAnswers {
  /** The last request's of each connection. Answers go out in the order of the requests. */
  readonly #last = new WeakMap<Duplex, ServerResponse>();

  constructor(server: Server | TlsServer) {
    server.on("request", ({ socket }, response: ServerResponse) => {
      this.#last.set(socket, response);
    });
  }

  /** Calls back once they are written; at once where there is none to wait for. */
  written(connection: Duplex, done: () => void): void {
    const last = this.#last.get(connection);
    if (last === undefined || last.writableFinished || last.destroyed) done();
    else last.once("close", done);
  }
}
