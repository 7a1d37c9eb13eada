// What HTTP connections may take of the process: requests without an answer, answers that nobody reads, and bodies
// that nobody has asked for.
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
import { sendProblem } from "./problem.ts";

/** In bytes: of all answers that were not taken yet, and those of one address. */
const UNSENT_ANSWERS = {
  inAll: 128 * 1024 * 1024,
  each: 16 * 1024 * 1024,
  stallMs: 60_000,
} as const;
const TOO_MANY = {
  status: 429,
  code: "SWITCHBOARD_TOO_MANY_REQUESTS",
  detail: `over ${MAX_UNANSWERED} requests of a connection wait for their answers`,
} as const;

/** To be called before there are other hooks. */
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
    "Bytes of HTTP answers that their clients have not taken yet",
    () => answers.bytes,
  );
}
