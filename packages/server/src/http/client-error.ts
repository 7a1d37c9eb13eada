// Answers input that is not an HTTP request with problem details, and closes the connection.
import { PROBLEM_TYPE } from "@shardcast/process";
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { requestProblem } from "./problem.ts";

/** By the codes of Node's HTTP parser and of its request timer. */
const STATUSES: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
};

export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  const { code = "" } = error;
  // If a response has begun, the client would read a second one as a part of it.
  if (code === "ECONNRESET" || !socket.writable || isAnswering(socket) || isShaking(socket)) {
    socket.destroy();
    return;
  }
  const status = STATUSES[code] ?? 400;
  const body = JSON.stringify(requestProblem(status, `this is no request: ${reasonOf(code)}`));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nConnection: close\r\n` +
      `Content-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

/** Before the TLS handshake is done, nothing that is written is sent. */
function isShaking(socket: Socket): boolean {
  return (socket as Partial<TLSSocket & { secureConnecting: boolean }>).secureConnecting === true;
}

function isAnswering(socket: Socket): boolean {
  const { _httpMessage: message } = socket as Socket & {
    readonly _httpMessage?: { readonly headersSent: boolean } | null;
  };
  return message?.headersSent === true;
}

function reasonOf(code: string): string {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return "it takes too long";
    case "HPE_HEADER_OVERFLOW":
      return "its head is too large";
    default:
      return "it breaks the rules of HTTP";
  }
}
