// What a request gets that cannot be answered: application/problem+json (RFC 9457), and never a stack.
import { ShardcastError } from "@shardcast/client";
import type { FastifyReply } from "fastify";

const RETRY_AFTER_S = 1;

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  409: "Conflict",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

export function sendProblem(reply: FastifyReply, { status, code, detail }: Problem): FastifyReply {
  if (status === 503) reply.header("retry-after", RETRY_AFTER_S);
  if (status === 401) reply.header("www-authenticate", "APIAuth");
  return reply
    .code(status)
    .type("application/problem+json")
    .send(
      JSON.stringify({
        type: "about:blank",
        title: TITLES[status] ?? "Error",
        status,
        detail,
        code,
      }),
    );
}

/** What went wrong in the cluster, or in understanding the request. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ShardcastError) {
    const { code, message, retryable } = error;
    if (code === "SHARDCAST_PAYLOAD_TOO_LARGE") return { status: 413, code, detail: message };
    // An ack that did not come is no answer: the request may be sent again, and is stored once.
    const isLater = retryable || code === "SHARDCAST_TIMEOUT" || code === "SHARDCAST_CLOSED";
    return { status: isLater ? 503 : 400, code, detail: message };
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

/** Fastify's own errors have one. */
function statusOf(error: unknown): number {
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  return typeof status === "number" && status >= 400 && status < 600 ? status : 500;
}
