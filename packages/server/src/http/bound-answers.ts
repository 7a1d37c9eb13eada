// Limits the bytes of HTTP responses that a node holds because clients have not taken them. Event
// streams are links, with limits of their own.
import { UnsentAnswers } from "@shardcast/process";
import type { FastifyInstance } from "fastify";
import type { NodeMetrics } from "./metrics.ts";
import type { HttpAccess } from "./http-access.ts";

/** How many heartbeats a client may take no bytes for; the same as for congested links. */
const SILENT_BEATS = 10;

/**
 * Limits of the response bytes that clients have not taken, and the heartbeat interval, which
 * measures silent clients.
 */
export interface AnswerBounds {
  readonly maxAnswerBytes: number;
  readonly maxAnswerBytesEach: number;
  readonly heartbeatMs: number;
}

/** Call this before the server listens: it applies to all routes. */
export function boundAnswers(
  http: FastifyInstance,
  access: HttpAccess,
  { options, metrics }: { readonly options: AnswerBounds; readonly metrics: NodeMetrics },
): void {
  const answers = new UnsentAnswers({
    inAll: options.maxAnswerBytes,
    each: options.maxAnswerBytesEach,
    stallMs: SILENT_BEATS * options.heartbeatMs,
  });
  http.addHook("onSend", (request, reply, body, done) => {
    answers.hold(request, reply, body, access.senderOf(request).holders);
    done(null, body);
  });
  http.addHook("onClose", (_http, done) => {
    answers.close();
    done();
  });
  metrics.gauges([
    {
      name: "http_unsent_bytes",
      help: "Bytes of HTTP responses that clients have not read yet",
      value: () => answers.bytes,
    },
  ]);
}
