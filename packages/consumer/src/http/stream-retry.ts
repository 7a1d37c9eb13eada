// When an EventSource reconnects. It reconnects when a stream ends, but gives up for good after any
// other response (WHATWG HTML §9.2.3). So a node that cannot serve it now answers with a stream
// that ends at once.
import { ERRORS, ShardcastError } from "@shardcast/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";

const MIN_RETRY_MS = 1000;
const MAX_RETRY_MS = 3000;

export const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // Closes the connection, so that a client which resumes connects again: this node may be
  // stopping.
  connection: "close",
  // Asks proxies such as nginx not to buffer the response, which would delay events.
  "x-accel-buffering": "no",
};

/** A random delay, so that the clients of a stopped node do not all reconnect at once. */
export function retryLine(): string {
  const waitMs = MIN_RETRY_MS + Math.random() * (MAX_RETRY_MS - MIN_RETRY_MS);
  return `retry: ${Math.round(waitMs)}\n`;
}

export function endEvent(code: string): string {
  return `event: end\ndata: ${JSON.stringify({ code })}\n\n`;
}

/**
 * If the error is retryable and the client accepts only a stream, answers with a stream that ends
 * at once. @throws the error otherwise
 */
export function answerLater(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const isLater = error instanceof ShardcastError && ERRORS[error.code].retryable;
  if (!isLater || request.headers.accept !== "text/event-stream") throw error;
  void reply
    .code(200)
    .headers(STREAM_HEADERS)
    .send(`${retryLine()}${endEvent(error.code)}`);
}
