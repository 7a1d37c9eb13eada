// The HTTP server of a node, with what all its routes share. The WebSocket endpoints are upgrades
// of the same server.
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  MAX_UNANSWERED,
  UnansweredRequests,
  continueWhenRead,
  hostCount,
  PROBLEM_TYPE,
} from "@shardcast/process";
import { ShardcastError } from "@shardcast/protocol";
import cors from "@fastify/cors";
import Fastify, { type FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { AccessOptions } from "../access/access-options.ts";
import type { TlsOptions } from "../options/tls.ts";
import { limitTlsHandshakes } from "./tls-handshakes.ts";
import { answerClientError } from "./client-error.ts";
import { addOpenApi } from "./openapi.ts";
import { problem, problemOf, requestProblem, sendProblem } from "./problem.ts";

const CONNECTIONS_CHECK_MS = 500;
/** A body may take this many times as long as the request's head. */
const BODY_TIMEOUT_FACTOR = 10;
const NO_PATH = "no such path";
const TOO_MANY = `over ${MAX_UNANSWERED} requests of a connection wait for their answers`;
const CORS_MAX_AGE_S = 600;
/**
 * Node accepts no longer request head, so a topic that is too long gets the error for topics, not
 * "no such path".
 */
const PARAM_MAX_CHARACTERS = 16 * 1024;

/** The node's options that the HTTP server uses. */
export interface HttpOptions {
  readonly access: AccessOptions;
  readonly tls: TlsOptions;
  readonly handshakeTimeoutMs: number;
}

export async function createHttp(
  options: HttpOptions,
  title: string,
  logger: Logger,
): Promise<FastifyInstance> {
  const { origins } = options.access;
  const { certificate } = options.tls;
  // Limits the time of a request, as of a handshake.
  const requestTimeout = BODY_TIMEOUT_FACTOR * options.handshakeTimeoutMs;
  const timing = {
    requestTimeout,
    headersTimeout: options.handshakeTimeoutMs,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    // Without this, Node itself would answer, without a code.
    requireHostHeader: false,
  };
  const http = Fastify({
    logger: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: PARAM_MAX_CHARACTERS },
    requestTimeout,
    ...(certificate === undefined ? {} : { https: { ...certificate.pair, ...timing } }),
    http: timing,
    clientErrorHandler: answerClientError,
    // Errors of the router: a path that cannot be decoded.
    frameworkErrors: (error, _request, reply) => void sendProblem(reply, problemOf(error)),
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
  });
  http.server.on("checkExpectation", refuseExpectation);
  continueWhenRead(http.server);
  if (certificate !== undefined) {
    limitTlsHandshakes(http.server, options.handshakeTimeoutMs);
  }
  // Response schemas serve only /openapi.json: compiling a serializer for each would add 2 ms to
  // every start.
  http.setSerializerCompiler(() => (data) => JSON.stringify(data));
  http.setErrorHandler((error, _request, reply) => {
    const found = problemOf(error);
    if (found.code === "SHARDCAST_INTERNAL") logger.error({ error }, "a request failed");
    return sendProblem(reply, found);
  });
  http.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, problem("SHARDCAST_ENDPOINT_UNKNOWN", NO_PATH)),
  );
  const unanswered = new UnansweredRequests();
  http.addHook("onRequest", (request, reply, done) => {
    const place = unanswered.add(request.raw, reply.raw);
    if (place === "taken") done();
    else if (place === "behind") reply.hijack();
    else done(new ShardcastError("SHARDCAST_RATE_LIMITED", TOO_MANY));
  });
  http.addHook("onRequest", (request, reply, done) => {
    // Stops browsers from guessing another content type: responses are data.
    reply.header("x-content-type-options", "nosniff");
    const { origin } = request.headers;
    // RFC 9112 §3.2
    const hosts = hostCount(request.raw);
    if (hosts > 1 || (hosts === 0 && request.raw.httpVersion === "1.1")) {
      done(new ShardcastError("SHARDCAST_REQUEST_INVALID", "one header Host is needed"));
    } else if (origins.allows(origin)) done();
    else done(new ShardcastError("SHARDCAST_ORIGIN_FORBIDDEN"));
  });
  await http.register(cors, {
    origin: (origin, answer) => answer(null, origins.isAny || origins.allows(origin)),
    exposedHeaders: ["retry-after", "www-authenticate"],
    maxAge: CORS_MAX_AGE_S,
    // An OPTIONS request without the headers of a preflight gets the same answer, not an error.
    strictPreflight: false,
  });
  http.addHook("onRequest", (request, _reply, done) => {
    // Answer at once: otherwise the request's body would be read first.
    done(request.is404 ? new ShardcastError("SHARDCAST_ENDPOINT_UNKNOWN", NO_PATH) : undefined);
  });
  await addOpenApi(http, title, options.access.anonymous !== undefined);
  return http;
}

/** Answers an `Expect` header other than 100-continue. */
function refuseExpectation(_request: IncomingMessage, response: ServerResponse): void {
  const found = requestProblem(417, "only 100-continue can be expected");
  const body = JSON.stringify(found);
  const headers = { "content-type": PROBLEM_TYPE, "content-length": Buffer.byteLength(body) };
  response.writeHead(found.status, { ...headers, connection: "close" }).end(body);
}
