// `Expect: 100-continue` (RFC 9110 §10.1.1). By default Node requests the body before any code has checked the request.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";

/** Requests a body only when the server begins to read it. A client that is refused before does not send it. */
export function continueWhenRead(server: Server | TlsServer): void {
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    const { shouldKeepAlive } = response;
    // A client may send the body even after an early answer. The connection must close then, or the body could be taken
    // for the next request.
    response.shouldKeepAlive = false;
    request.once("resume", () => {
      if (response.headersSent) return;
      response.shouldKeepAlive = shouldKeepAlive;
      response.writeContinue();
    });
    server.emit("request", request, response);
  });
}
