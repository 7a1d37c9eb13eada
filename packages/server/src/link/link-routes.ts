// Routes for administrators: list the links of this node, and end them. docs/http.md#administrators
import { ShardcastError } from "@shardcast/protocol";
import type { FastifyInstance } from "fastify";
import type { Sweep, SweptLink } from "./sweep.ts";
import type { HttpAccess } from "../http/http-access.ts";
import { ADMIN_SECURITY, PROBLEM_RESPONSES } from "../http/schemas.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

interface ListRequest {
  readonly Querystring: {
    readonly user?: string;
    readonly after?: string;
    readonly limit?: number;
  };
}

interface DisconnectRequest {
  readonly Body: { readonly user?: string; readonly link?: string };
}

/** What a role knows of a link: its subscriptions. */
export type DescribeLink = (link: SweptLink) => object;

/** Adds the routes to `http`, which must be a context for them alone. */
export function addLinkRoutes(
  http: FastifyInstance,
  access: HttpAccess,
  sweep: Sweep,
  describeMore: DescribeLink,
): void {
  const onRequest = access.onMonitorRequest;
  http.get<ListRequest>("/links", { schema: LINKS_SCHEMA, onRequest }, (request) => {
    const { user, after = "", limit = DEFAULT_LIMIT } = request.query;
    const found = [...sweep.links()].filter(
      (link) => (user === undefined || link.access?.user === user) && link.id > after,
    );
    const page = found.sort(byId).slice(0, limit);
    const next = found.length > limit ? (page.at(-1)?.id ?? "") : "";
    return { links: page.map((link) => ({ ...describe(link), ...describeMore(link) })), next };
  });

  const disconnect = { schema: DISCONNECT_SCHEMA, onRequest: access.onAdminRequest };
  http.post<DisconnectRequest>("/links/disconnect", disconnect, (request) => {
    const { user, link: id } = request.body;
    if ((user === undefined) === (id === undefined)) {
      throw new ShardcastError("SHARDCAST_REQUEST_INVALID", "give either user or link");
    }
    const found = [...sweep.links()].filter((link) =>
      id === undefined ? link.access?.user === user : link.id === id,
    );
    for (const link of found) link.close("SHARDCAST_DISCONNECTED");
    return { disconnected: found.length };
  });
}

function describe(link: SweptLink): object {
  const { id, endpoint, address, access, isCongested } = link;
  const expiresAt = access?.expiresAt ?? Infinity;
  return {
    link: id,
    endpoint,
    address,
    access: accessOf(access),
    congested: isCongested,
    ...(access === undefined ? {} : { user: access.user }),
    ...(expiresAt === Infinity ? {} : { expiresAt }),
  };
}

function accessOf(access: SweptLink["access"]): string {
  if (access === undefined) return "key";
  return access.user === "" ? "anonymous" : "token";
}

function byId(one: SweptLink, other: SweptLink): number {
  return one.id < other.id ? -1 : 1;
}

const LINKS_SCHEMA = {
  operationId: "listLinks",
  summary: "The links of this node, of one user or all; needs the permission monitor",
  security: ADMIN_SECURITY,
  querystring: {
    type: "object",
    properties: {
      user: { type: "string" },
      after: { type: "string", default: "" },
      limit: { type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT },
    },
  },
  response: {
    200: {
      type: "object",
      required: ["links", "next"],
      properties: {
        links: {
          type: "array",
          items: {
            type: "object",
            required: ["link", "endpoint", "address", "access", "congested"],
            properties: {
              link: { type: "string" },
              endpoint: { type: "string" },
              address: { type: "string" },
              access: { type: "string", enum: ["key", "token", "anonymous"] },
              congested: {
                type: "boolean",
                description: "More bytes wait for the client than --high-water",
              },
              user: { type: "string" },
              expiresAt: { type: "integer", description: "ms since 1970, UTC" },
              subscriptions: { type: "integer", description: "Of a consumer" },
              lag: {
                type: "integer",
                description: "How many messages it is behind in the topic where that is most",
              },
              topics: {
                type: "array",
                description: "Up to 10, those with the greatest lag first",
                items: {
                  type: "object",
                  required: ["topic", "lag"],
                  properties: { topic: { type: "string" }, lag: { type: "integer" } },
                },
              },
            },
          },
        },
        next: { type: "string", description: "What `after` of the next page is; empty at the end" },
      },
    },
    ...PROBLEM_RESPONSES,
  },
} as const;

const DISCONNECT_SCHEMA = {
  operationId: "disconnect",
  summary: "Ends links of this node, for good; needs the permission admin",
  security: ADMIN_SECURITY,
  body: {
    type: "object",
    properties: { user: { type: "string" }, link: { type: "string" } },
  },
  response: {
    200: {
      type: "object",
      required: ["disconnected"],
      properties: { disconnected: { type: "integer" } },
    },
    ...PROBLEM_RESPONSES,
  },
} as const;
