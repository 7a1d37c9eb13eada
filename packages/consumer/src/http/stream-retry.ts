// When an EventSource comes again. It goes on by itself where a stream ends, and gives up for good where the answer is
// anything but a stream (WHATWG HTML §9.2.3): so a node that cannot serve it now answers by a stream that ends at once.
import { ERRORS, ShardcastError } from "@shardcast/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";

const MIN_RETRY_MS = 1000;
const MAX_RETRY_MS = 3000;

export const STREAM_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  // Whoever resumes finds a node anew: this one may be stopping.
  connection: "close",
  // A proxy that gathers what it passes on would keep it from the client. nginx heeds this.
  "x-accel-buffering": "no",
};

/** Not the same for all: those whose node has stopped do not come at once. */
export function retryLine(): string {
  const waitMs = MIN_RETRY_MS + Math.random() * (MAX_RETRY_MS - MIN_RETRY_MS);
  return `retry: ${Math.round(waitMs)}\n`;
}

export function endEvent(code: string): string {
  return `event: end\ndata: ${JSON.stringify({ code })}\n\n`;
}

/** Answers whoever wants a stream alone and may have it later. @throws what anybody else is to be told */
export function answerLater(error: Error, request: FastifyRequest, reply: FastifyReply): void {
  const isLater = error instanceof ShardcastError && ERRORS[error.code].retryable;
  if (!isLater || request.headers.accept !== "text/event-stream") throw error;
  void reply
    .code(200)
    .headers(STREAM_HEADERS)
    .send(`${retryLine()}${endEvent(error.code)}`);
}
