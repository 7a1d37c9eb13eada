// The HTTP server of a node: what all its routes have in common. The WebSocket endpoints are beside it, as
// upgrades of the same server.
import { ShardcastError, TOPIC_MAX_BYTES } from "@shardcast/protocol";
import cors from "@fastify/cors";
import Fastify, { type FastifyInstance } from "fastify";
import type { NodeOptions } from "../node-options.ts";
import { addOpenApi } from "./openapi.ts";
import { problem, problemOf, sendProblem } from "./problem.ts";

const CONNECTIONS_CHECK_MS = 500;
/** A body may take as many times as long as what stands before it. */
const BODY_TIMEOUT_FACTOR = 10;
const CORS_MAX_AGE_S = 600;

export async function createHttp(options: NodeOptions, title: string): Promise<FastifyInstance> {
  const { origins } = options.access;
  const { certificate } = options.tls;
  // A connection that never finishes its request is no better than one that never proves itself.
  const requestTimeout = BODY_TIMEOUT_FACTOR * options.handshakeTimeoutMs;
  const timing = {
    requestTimeout,
    headersTimeout: options.handshakeTimeoutMs,
    connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
  };
  const http = Fastify({
    logger: false,
    forceCloseConnections: true,
    // A topic as a part of a path, percent-encoded.
    routerOptions: { maxParamLength: 3 * TOPIC_MAX_BYTES },
    requestTimeout,
    ...(certificate === undefined ? {} : { https: { ...certificate.pair, ...timing } }),
    http: timing,
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
  });
  http.setErrorHandler((error, _request, reply) => sendProblem(reply, problemOf(error)));
  http.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, problem("SHARDCAST_ENDPOINT_UNKNOWN", "no such path")),
  );
  http.addHook("onRequest", (request, reply, done) => {
    // What is answered is data, whatever a browser would take it for.
    reply.header("x-content-type-options", "nosniff");
    const isAllowed = origins.allows(request.headers.origin);
    done(isAllowed ? undefined : new ShardcastError("SHARDCAST_ORIGIN_FORBIDDEN"));
  });
  await http.register(cors, {
    origin: (origin, answer) => answer(null, origins.isAny || origins.allows(origin)),
    allowedHeaders: ["authorization", "content-type", "idempotency-key", "last-event-id"],
    maxAge: CORS_MAX_AGE_S,
  });
  await addOpenApi(http, title);
  return http;
}
