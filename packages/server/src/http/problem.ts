// HTTP errors: problem details (RFC 9457) with the codes of the protocol. docs/http.md#errors
import { ERRORS, ShardcastError, type ErrorCode } from "@shardcast/protocol";
import {
  PROBLEM_TYPE,
  RETRY_AFTER_S,
  problemDetails,
  type ProblemDetails,
} from "@shardcast/process";
import type { FastifyReply } from "fastify";

export type Problem = ProblemDetails<ErrorCode>;

/** Codes with their own HTTP status. Of the others, retryable codes get 503, and the rest 400. */
const STATUSES: Partial<Record<ErrorCode, number>> = {
  SHARDCAST_UNAUTHORIZED: 401,
  SHARDCAST_TOKEN_INVALID: 401,
  SHARDCAST_TOKEN_EXPIRED: 401,
  SHARDCAST_FORBIDDEN: 403,
  SHARDCAST_ORIGIN_FORBIDDEN: 403,
  SHARDCAST_TOPIC_RESERVED: 403,
  SHARDCAST_ENDPOINT_UNKNOWN: 404,
  SHARDCAST_NOT_FOUND: 404,
  SHARDCAST_REQUEST_REPLAYED: 409,
  SHARDCAST_PAYLOAD_TOO_LARGE: 413,
  SHARDCAST_FRAME_TOO_LARGE: 413,
  SHARDCAST_SCHEMA_MISMATCH: 422,
  SHARDCAST_RATE_LIMITED: 429,
  SHARDCAST_LINKS_LIMIT: 429,
  SHARDCAST_INTERNAL: 500,
};

export function problemOf(error: unknown): Problem {
  if (error instanceof ShardcastError) return problem(error.code, error.message);
  const { statusCode = 500 } = error as { readonly statusCode?: number };
  // Fastify's own errors: the request is invalid or too large.
  if (statusCode === 413) return problem("SHARDCAST_PAYLOAD_TOO_LARGE");
  if (statusCode >= 500) return problem("SHARDCAST_INTERNAL");
  const detail = error instanceof Error ? error.message : "";
  return requestProblem(statusCode, detail);
}

/** A request that is invalid, or not meant for this node, with the given HTTP status. */
export function requestProblem(status: number, detail: string): Problem {
  return problemDetails(status, "SHARDCAST_REQUEST_INVALID", detail);
}

export function problem(code: ErrorCode, detail: string = ERRORS[code].message): Problem {
  const status = STATUSES[code] ?? (ERRORS[code].retryable ? 503 : 400);
  return problemDetails(status, code, detail);
}

export function sendProblem(reply: FastifyReply, found: Problem): FastifyReply {
  if (found.status === 401) reply.header("www-authenticate", "Bearer");
  // Without this, Fastify closes the connection while the client is still sending, and the client
  // loses the answer. The rest of the request is read and dropped.
  if (reply.raw.shouldKeepAlive) reply.removeHeader("connection");
  // Close the connection; otherwise the next request would reach the same node.
  if (found.code === "SHARDCAST_NODE_DRAINING") reply.header("connection", "close");
  if (found.status === 429 || found.status === 503) reply.header("retry-after", RETRY_AFTER_S);
  return reply.code(found.status).type(PROBLEM_TYPE).send(JSON.stringify(found));
}
