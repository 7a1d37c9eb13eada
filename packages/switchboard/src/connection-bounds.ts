// Limits the resources of HTTP connections: unanswered requests, unread answers, and bodies that the server has not
// requested.
import {
  MAX_UNANSWERED,
  UnansweredRequests,
  UnsentAnswers,
  addressGroup,
  clientAddress,
  continueWhenRead,
} from "@shardcast/process";
import type { FastifyInstance } from "fastify";
import type { SwitchboardMetrics } from "./metrics.ts";
import { sendProblem } from "./http-problem.ts";

/** Maximum bytes of unread answers, in total and per address. */
const UNSENT_ANSWERS = {
  inAll: 128 * 1024 * 1024,
  each: 16 * 1024 * 1024,
  stallMs: 60_000,
} as const;
const TOO_MANY = {
  status: 429,
  code: "SWITCHBOARD_TOO_MANY_REQUESTS",
  detail: `more than ${MAX_UNANSWERED} requests of a connection are unanswered`,
} as const;

/** Must be called before other hooks are added. */
export function boundConnections(
  http: FastifyInstance,
  metrics: SwitchboardMetrics,
  trustedHops: number,
): void {
  continueWhenRead(http.server);
  const unanswered = new UnansweredRequests();
  http.addHook("onRequest", (request, reply, done) => {
    const place = unanswered.add(request.raw, reply.raw);
    if (place === "taken") done();
    else if (place === "behind") reply.hijack();
    else void sendProblem(reply, TOO_MANY);
  });
  const answers = new UnsentAnswers(UNSENT_ANSWERS);
  http.addHook("onSend", (request, reply, body, done) => {
    const { headers, socket } = request.raw;
    const address = clientAddress(socket.remoteAddress ?? "", headers, trustedHops);
    answers.hold(request, reply, body, [addressGroup(address)]);
    done(null, body);
  });
  http.addHook("onClose", (_http, done) => {
    answers.close();
    done();
  });
  metrics.gauge(
    "http_unsent_bytes",
    "Bytes of HTTP answers that their clients have not read yet",
    () => answers.bytes,
  );
}
