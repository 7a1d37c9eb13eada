// What a request gets that cannot be answered: application/problem+json (RFC 9457), and never a stack.
import { ShardcastError } from "@shardcast/client";
import {
  PROBLEM_TYPE,
  RETRY_AFTER_S,
  problemDetails,
  type ProblemDetails,
} from "@shardcast/process";
import type { FastifyReply } from "fastify";

export type Problem = Pick<ProblemDetails, "status" | "code" | "detail">;

export function sendProblem(reply: FastifyReply, found: Problem): FastifyReply {
  if (found.status === 503) reply.header("retry-after", RETRY_AFTER_S);
  if (found.status === 401) reply.header("www-authenticate", "APIAuth");
  return reply.code(found.status).type(PROBLEM_TYPE).send(problemBody(found));
}

/** The text of an answer's body. */
export function problemBody(found: Problem): string {
  return JSON.stringify(problemDetails(found.status, found.code, found.detail));
}

/** What went wrong in the cluster, or in understanding the request. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ShardcastError) {
    const { code, message } = error;
    if (code === "SHARDCAST_PAYLOAD_TOO_LARGE") return { status: 413, code, detail: message };
    return { status: isRefusal(error) ? 400 : 503, code, detail: message };
  }
  const status = statusOf(error);
  if (status === 413) {
    return { status, code: "SWITCHBOARD_BODY_TOO_LARGE", detail: "the body is over the limit" };
  }
  if (status < 500) {
    const detail = "the request cannot be understood";
    return { status, code: "SWITCHBOARD_REQUEST_INVALID", detail };
  }
  return { status: 500, code: "SWITCHBOARD_INTERNAL", detail: "the request could not be answered" };
}

/** Whether the cluster will never take it. An ack that did not come is no answer: it may be sent again, and is stored once. */
export function isRefusal({ code, retryable }: ShardcastError): boolean {
  return !retryable && code !== "SHARDCAST_TIMEOUT" && code !== "SHARDCAST_CLOSED";
}

/** Fastify's own errors have one. */
function statusOf(error: unknown): number {
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status >= 400 && status < 600 ? status : 500;
}
