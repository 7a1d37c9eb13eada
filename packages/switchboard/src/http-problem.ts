// Error answers: application/problem+json (RFC 9457), without stack traces.
import { ShardcastError } from "@shardcast/client";
import {
  PROBLEM_TYPE,
  RETRY_AFTER_S,
  problemDetails,
  type ProblemDetails,
} from "@shardcast/process";
import type { FastifyReply } from "fastify";

export type HttpProblem = Pick<ProblemDetails, "status" | "code" | "detail">;

export function sendProblem(reply: FastifyReply, found: HttpProblem): FastifyReply {
  if (found.status === 503) reply.header("retry-after", RETRY_AFTER_S);
  if (found.status === 401) reply.header("www-authenticate", "APIAuth");
  return reply.code(found.status).type(PROBLEM_TYPE).send(problemBody(found));
}

/** Returns the body of an error answer. */
export function problemBody(found: HttpProblem): string {
  return JSON.stringify(problemDetails(found.status, found.code, found.detail));
}

/** Converts an error of the cluster, or of parsing the request, to a problem. */
export function problemOf(error: unknown): HttpProblem {
  if (error instanceof ShardcastError) {
    const { code, message } = error;
    if (code === "SHARDCAST_PAYLOAD_TOO_LARGE") return { status: 413, code, detail: message };
    return { status: isPermanentRefusal(error) ? 400 : 503, code, detail: message };
  }
  const status = statusOf(error);
  if (status === 413) {
    return { status, code: "SWITCHBOARD_BODY_TOO_LARGE", detail: "the body is too large" };
  }
  if (status < 500) {
    const detail = "the request is not valid";
    return { status, code: "SWITCHBOARD_REQUEST_INVALID", detail };
  }
  return {
    status: 500,
    code: "SWITCHBOARD_INTERNAL",
    detail: "the switchboard failed to answer the request",
  };
}

/** Whether the cluster will never accept the message. A missing ack is no refusal: a retry is stored only once. */
export function isPermanentRefusal({ code, retryable }: ShardcastError): boolean {
  return !retryable && code !== "SHARDCAST_TIMEOUT" && code !== "SHARDCAST_CLOSED";
}

/** Returns the status of Fastify's errors, otherwise 500. */
function statusOf(error: unknown): number {
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status >= 400 && status < 600 ? status : 500;
}
