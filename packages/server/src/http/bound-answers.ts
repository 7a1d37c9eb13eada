// What a node holds of answers over HTTP that their clients do not take. Event streams are links, and have bounds of
// their own.
import { UnsentAnswers } from "@shardcast/process";
import type { FastifyInstance } from "fastify";
import type { NodeMetrics } from "./metrics.ts";
import type { HttpAccess } from "./http-access.ts";

/** How long a client may take nothing, as with links that have much on their way. */
const SILENT_BEATS = 10;

/** The bounds of answers that clients have not taken, in bytes, and what a silent client is measured by. */
export interface AnswerBounds {
  readonly maxAnswerBytes: number;
  readonly maxAnswerBytesEach: number;
  readonly heartbeatMs: number;
}

/** To be called before the server listens: it is for all routes. */
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
      help: "Bytes of HTTP answers that their clients have not taken yet",
      value: () => answers.bytes,
    },
  ]);
}
