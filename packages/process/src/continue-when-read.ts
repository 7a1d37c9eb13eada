// `Expect: 100-continue` (RFC 9110 §10.1.1): Node would ask for the body before anybody has looked at the request.
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as TlsServer } from "node:https";

/** Asks for a body when somebody begins to read it: who is refused before does not send it. */
export function continueWhenRead(server: Server | TlsServer): void {
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    const { shouldKeepAlive } = response;
    // Whether the body follows an answer is up to the client: it could pass for the next request.
    response.shouldKeepAlive = false;
    request.once("resume", () => {
      if (response.headersSent) return;
      response.shouldKeepAlive = shouldKeepAlive;
      response.writeContinue();
    });
    server.emit("request", request, response);
  });
}
