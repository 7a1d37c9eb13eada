// What a client gets whose upgrade is refused: problem details, and the end of its connection.
import type { Duplex } from "node:stream";
import { STATUS_CODES } from "node:http";
import { PROBLEM_TYPE, RETRY_AFTER_S } from "@shardcast/process";
import { problemBody, type Problem } from "./problem.ts";

export interface Refusal extends Problem {
  readonly headers?: Readonly<Record<string, string>>;
}

/** By whose share is taken. */
export const FULL = {
  inAll: { status: 503, code: "SWITCHBOARD_FULL", detail: "all sockets are taken" },
  each: {
    status: 429,
    code: "SWITCHBOARD_ADDRESS_FULL",
    detail: "too many sockets of one address",
  },
} as const satisfies Record<string, Refusal>;

export const TOO_MANY_SESSIONS: Refusal = {
  status: 429,
  code: "SWITCHBOARD_SESSIONS_LIMIT",
  detail: "this address has begun too many sessions; come back with one, or later",
};

export function refuse(socket: Duplex, refusal: Refusal): void {
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
