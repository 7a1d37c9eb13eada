// POST /explain: whether a client may do something, and why. docs/http.md#administrators
import { ShardcastError } from "@shardcast/protocol";
import type { FastifyInstance } from "fastify";
import type { HttpAccess } from "../http/http-access.ts";
import { ADMIN_SECURITY, PROBLEM_RESPONSES } from "../http/schemas.ts";
import { TOPIC_ACTIONS, explainRequest, type Explainer, type Question } from "./explain.ts";

interface ExplainRequest {
  readonly Body: Question;
}

/** Adds the route to `http`, which must be a context for it alone. */
export function addExplainRoute(http: FastifyInstance, access: HttpAccess, node: Explainer): void {
  http.addHook("onRequest", access.onMonitorRequest);

  http.post<ExplainRequest>("/explain", { schema: EXPLAIN_SCHEMA }, ({ body }) => {
    if ((body.token === undefined) === (body.user === undefined)) {
      throw new ShardcastError("SHARDCAST_REQUEST_INVALID", "give either token or user");
    }
    return explainRequest(node, body);
  });
}

const EXPLAIN_SCHEMA = {
  operationId: "explain",
  summary:
    "Whether a client may do something, and which rule decides; needs the permission monitor",
  security: ADMIN_SECURITY,
  body: {
    type: "object",
    required: ["action", "topic"],
    additionalProperties: false,
    properties: {
      token: { type: "string", description: "The client's token; empty for an anonymous client" },
      user: { type: "string", description: "Instead of a token: a user with a link to this node" },
      action: { type: "string", enum: TOPIC_ACTIONS },
      topic: { type: "string" },
    },
  },
  response: {
    200: {
      type: "object",
      required: ["allowed", "checks", "route"],
      properties: {
        allowed: { type: "boolean" },
        code: { type: "string", description: "The code of the first check that failed" },
        user: { type: "string" },
        checks: {
          type: "array",
          description: "In the order in which a node makes them",
          items: {
            type: "object",
            required: ["rule", "passed", "detail"],
            properties: {
              rule: { type: "string", enum: ["topic", "identity", "permission", "limit", "owner"] },
              passed: { type: "boolean" },
              code: { type: "string", description: "The error code that the client would get" },
              detail: { type: "string" },
            },
          },
        },
        route: {
          type: "array",
          description: "The ids of the nodes that the request passes",
          items: { type: "string" },
        },
      },
    },
    ...PROBLEM_RESPONSES,
  },
} as const;
