// POST /: the back end sends a message to a user. The answer is 204 when the message is stored, otherwise an error.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { AcceptedRequests } from "./accepted-requests.ts";
import type { VerifiedRequest } from "./api-auth.ts";
import type { ClusterClient } from "./cluster-client.ts";
import { MAX_NESTING, isObject, isTooDeep, own } from "./json-object.ts";
import type { SwitchboardMetrics } from "./metrics.ts";
import { problemOf, sendProblem, type HttpProblem } from "./http-problem.ts";
import { isFaulty, type SignatureCheck } from "./signature.ts";
import { downTopic, isUserId, type UserId } from "./user.ts";

export interface DownContext {
  readonly cluster: ClusterClient;
  readonly signatures: SignatureCheck;
  readonly accepted: AcceptedRequests;
  readonly metrics: SwitchboardMetrics;
}

/** A message of the back end, and the user it is for. */
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
  signed: VerifiedRequest,
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

function readMessage(body: Buffer): DownMessage | HttpProblem {
  let data: unknown;
  try {
    data = JSON.parse(body.toString());
  } catch {
    return invalid("SWITCHBOARD_BODY_NOT_JSON", "the body is not JSON");
  }
  if (isTooDeep(data)) {
    return invalid("SWITCHBOARD_BODY_INVALID", `the body has more than ${MAX_NESTING} levels`);
  }
  if (!isObject(data)) return invalid("SWITCHBOARD_BODY_INVALID", "the body must be a JSON object");
  const to = own(data, "to");
  if (!isUserId(to)) return invalid("SWITCHBOARD_TO_INVALID", "to must be the id of a user");
  if (own(data, "position") !== undefined) {
    return invalid(
      "SWITCHBOARD_POSITION_RESERVED",
      "the body must not contain position: the switchboard adds it",
    );
  }
  return { to, data };
}

function invalid(code: string, detail: string): HttpProblem {
  return { status: 400, code, detail };
}

const NOT_READY: HttpProblem = {
  status: 503,
  code: "SWITCHBOARD_NOT_READY",
  detail: "the node is still reading the requests that were accepted before",
};

const CLAIM_PROBLEMS = {
  replay: {
    status: 401,
    code: "SWITCHBOARD_SIGNATURE_REPLAYED",
    detail: "this request was already accepted; sign a new message separately",
  },
  outside: {
    status: 401,
    code: "SWITCHBOARD_SIGNATURE_STALE",
    detail: "the request is too old to check whether it was accepted before",
  },
  busy: {
    status: 409,
    code: "SWITCHBOARD_REQUEST_UNDER_WAY",
    detail: "this request is being processed",
  },
  full: {
    status: 503,
    code: "SWITCHBOARD_FULL",
    detail: "the node cannot remember more accepted requests at present; send the request later",
  },
} as const satisfies Record<string, HttpProblem>;
