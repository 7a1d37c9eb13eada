// POST /: the back end says something to a user. It is answered once it is stored: 204; or told why it is not.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { AcceptedRequests } from "./accepted-requests.ts";
import type { Signed } from "./api-auth.ts";
import type { Cluster } from "./cluster.ts";
import { MAX_NESTING, isObject, isTooDeep, own } from "./json-object.ts";
import type { SwitchboardMetrics } from "./metrics.ts";
import { problemOf, sendProblem, type Problem } from "./problem.ts";
import { isFaulty, type SignatureCheck } from "./signature.ts";
import { downTopic, isUserId, type UserId } from "./user.ts";

export interface DownContext {
  readonly cluster: Cluster;
  readonly signatures: SignatureCheck;
  readonly accepted: AcceptedRequests;
  readonly metrics: SwitchboardMetrics;
}

/** What the back end says, and to whom. */
interface DownMessage {
  readonly to: UserId;
  readonly data: object;
}

export function addDownRoute(http: FastifyInstance, context: DownContext): void {
  http.post("/", (request, reply) => answer(request, reply, context));
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  context: DownContext,
): Promise<FastifyReply> {
  const { signatures, metrics } = context;
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const { method, headers, url = "" } = request.raw;
  const signed = signatures.verify({ method: method ?? "", url, headers, body });
  if (isFaulty(signed)) {
    metrics.countDown("unsigned");
    metrics.countSignatureFault(signed.code);
    return sendProblem(reply, { status: 401, ...signed });
  }
  const message = readMessage(body);
  if ("code" in message) {
    metrics.countDown("invalid");
    return sendProblem(reply, message);
  }
  return store(message, signed, reply, context);
}

async function store(
  { to, data }: DownMessage,
  signed: Signed,
  reply: FastifyReply,
  { cluster, accepted, metrics }: DownContext,
): Promise<FastifyReply> {
  if (!accepted.isReady) {
    metrics.countDown("failed");
    return sendProblem(reply, NOT_READY);
  }
  const verdict = accepted.claim(signed);
  if (verdict.type !== "claimed") {
    const isReplay = verdict.type === "replay" || verdict.type === "outside";
    metrics.countDown(isReplay ? "replayed" : "failed");
    const problem = CLAIM_PROBLEMS[verdict.type];
    if (problem.status === 401) metrics.countSignatureFault(problem.code);
    return sendProblem(reply, problem);
  }
  try {
    await cluster.publish(downTopic(to), data, { messageId: signed.requestId });
  } catch (error) {
    verdict.claim.release();
    metrics.countDown("failed");
    return sendProblem(reply, problemOf(error));
  }
  verdict.claim.accept();
  metrics.countDown("stored");
  await accepted.tell(signed);
  return reply.code(204).send();
}

function readMessage(body: Buffer): DownMessage | Problem {
  let data: unknown;
  try {
    data = JSON.parse(body.toString());
  } catch {
    return invalid("SWITCHBOARD_BODY_NOT_JSON", "the body is not JSON");
  }
  if (isTooDeep(data)) {
    return invalid("SWITCHBOARD_BODY_INVALID", `the body has over ${MAX_NESTING} levels`);
  }
  if (!isObject(data)) return invalid("SWITCHBOARD_BODY_INVALID", "the body is a JSON object");
  const to = own(data, "to");
  if (!isUserId(to)) return invalid("SWITCHBOARD_TO_INVALID", "to is the id of a user");
  if (own(data, "position") !== undefined) {
    return invalid("SWITCHBOARD_POSITION_RESERVED", "position is what the switchboard adds");
  }
  return { to, data };
}

function invalid(code: string, detail: string): Problem {
  return { status: 400, code, detail };
}

const NOT_READY: Problem = {
  status: 503,
  code: "SWITCHBOARD_NOT_READY",
  detail: "the requests that were accepted before are not known yet",
};

const CLAIM_PROBLEMS = {
  replay: {
    status: 401,
    code: "SWITCHBOARD_SIGNATURE_REPLAYED",
    detail: "this very request was taken before; sign what is new anew",
  },
  outside: {
    status: 401,
    code: "SWITCHBOARD_SIGNATURE_STALE",
    detail: "the request is too old to tell whether it was taken before",
  },
  busy: {
    status: 409,
    code: "SWITCHBOARD_REQUEST_UNDER_WAY",
    detail: "this very request is being worked on",
  },
  full: {
    status: 503,
    code: "SWITCHBOARD_FULL",
    detail: "as many requests as can be remembered were accepted; send it later",
  },
} as const satisfies Record<string, Problem>;
