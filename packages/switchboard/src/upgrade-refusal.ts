// Answers a refused upgrade with problem details, and ends the connection.
import type { Duplex } from "node:stream";
import { STATUS_CODES } from "node:http";
import { PROBLEM_TYPE, RETRY_AFTER_S } from "@shardcast/process";
import { problemBody, type HttpProblem } from "./http-problem.ts";

export interface UpgradeRefusal extends HttpProblem {
  readonly headers?: Readonly<Record<string, string>>;
}

/** By the limit that was reached. */
export const FULL = {
  inAll: { status: 503, code: "SWITCHBOARD_FULL", detail: "the node has too many sockets" },
  each: {
    status: 429,
    code: "SWITCHBOARD_ADDRESS_FULL",
    detail: "the address has too many sockets",
  },
} as const satisfies Record<string, UpgradeRefusal>;

export const TOO_MANY_SESSIONS: UpgradeRefusal = {
  status: 429,
  code: "SWITCHBOARD_SESSIONS_LIMIT",
  detail: "this address has started too many sessions; connect with an existing session, or later",
};

export function refuse(socket: Duplex, refusal: UpgradeRefusal): void {
  if (socket.destroyed) return;
  const body = problemBody(refusal);
  const lines = Object.entries({
    ...refusal.headers,
    ...(refusal.status === 503 ? { "Retry-After": String(RETRY_AFTER_S) } : {}),
    "Content-Type": PROBLEM_TYPE,
    "Content-Length": String(Buffer.byteLength(body)),
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? "Error"}\r\nConnection: close\r\n${lines.join("")}\r\n${body}`,
  );
}
