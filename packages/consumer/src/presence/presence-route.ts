// GET /topics/:topic/presence: the members of a topic, for back ends.
import {
  PRESENCE_PAGE_MAX_COUNT,
  ShardcastError,
  formatPosition,
  presenceTopicFault,
} from "@shardcast/protocol";
import {
  CLIENT_SECURITY,
  POSITION_SCHEMA,
  PROBLEM_RESPONSES,
  TOPIC_PARAMS,
  type HttpAccess,
} from "@shardcast/server";
import type { FastifyInstance } from "fastify";
import type { PresenceDesk } from "./presence-desk.ts";

const DEFAULT_LIMIT = 100;

interface PresenceQuery {
  readonly Params: { readonly topic: string };
  readonly Querystring: { readonly after?: number; readonly limit?: number };
}

export function addPresenceRoute(
  http: FastifyInstance,
  desk: PresenceDesk,
  access: HttpAccess,
): void {
  http.addHook("onRequest", access.onRequest);
  http.addHook("preHandler", access.preHandler);
  http.get<PresenceQuery>("/topics/:topic/presence", {
    schema: PRESENCE_SCHEMA,
    handler: async (request) => {
      const { topic } = request.params;
      const caller = access.callerOf(request).access;
      const fault = presenceTopicFault(topic) ?? caller?.presenceFault(topic);
      if (fault !== undefined) throw new ShardcastError(fault);
      const { after = 0, limit = DEFAULT_LIMIT } = request.query;
      const { position, count, users, members, next } = await desk.page(topic, after, limit);
      return { topic, position: formatPosition(position), count, users, members, next };
    },
  });
}

const ANSWER_SCHEMA = {
  type: "object",
  required: ["topic", "position", "count", "users", "members", "next"],
  properties: {
    topic: { type: "string" },
    position: { ...POSITION_SCHEMA, description: "Of the topic that tells the changes" },
    count: { type: "integer", description: "Members in all" },
    users: { type: "integer", description: "Different users among them" },
    members: {
      type: "array",
      items: {
        type: "object",
        properties: {
          memberId: { type: "string" },
          user: { type: "string" },
          info: { type: "string" },
        },
      },
    },
    next: { type: "integer", description: "What `after` of the next page is; 0 at the end" },
  },
} as const;

const PRESENCE_SCHEMA = {
  operationId: "listPresence",
  summary: "Who is on a topic; needs the permission presence",
  security: CLIENT_SECURITY,
  params: TOPIC_PARAMS,
  querystring: {
    type: "object",
    properties: {
      after: { type: "integer", minimum: 0, default: 0 },
      limit: {
        type: "integer",
        minimum: 0,
        maximum: PRESENCE_PAGE_MAX_COUNT,
        default: DEFAULT_LIMIT,
      },
    },
  },
  response: { 200: ANSWER_SCHEMA, ...PROBLEM_RESPONSES },
} as const;
