// HTTP routes of every node, for any role.
import { SHARD_COUNT } from "@shardcast/protocol";
import type { FastifyInstance } from "fastify";
import type { Membership } from "../cluster/membership.ts";
import type { NodeMetrics } from "../http/metrics.ts";
import { NO_SECURITY, PROBLEM_RESPONSES } from "../http/schemas.ts";

export interface NodeRoutesOptions {
  readonly id: string;
  readonly role: string;
  readonly membership: Membership;
  readonly metrics: NodeMetrics;
  /** Returns what the node waits for; empty if it is ready. */
  readonly waitingFor: () => string[];
  /** Returns faults that do not keep the node from working. */
  readonly degraded: () => string[];
}

export function addNodeRoutes(http: FastifyInstance, options: NodeRoutesOptions): void {
  const { id, role, membership, metrics, waitingFor, degraded } = options;
  http.get("/healthz", { schema: HEALTH_SCHEMA }, () => ({ status: "ok" }));
  http.get("/readyz", { schema: READY_SCHEMA }, (_request, reply) => {
    const missing = waitingFor();
    const faults = degraded();
    const isReady = missing.length === 0;
    return reply.code(isReady ? 200 : 503).send({
      status: isReady ? "ready" : "waiting",
      waitingFor: missing,
      ...(faults.length === 0 ? {} : { degraded: faults }),
    });
  });
  http.get("/metrics", { schema: METRICS_SCHEMA }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.render()),
  );
  http.get("/cluster", { schema: CLUSTER_SCHEMA }, () => ({
    // If consumers are found by a host name, the list has their addresses as ids, not the nodes'
    // own ids.
    node: { id: membership.self?.id ?? id, role },
    shards: SHARD_COUNT,
    hash: "murmur3_32",
    consumers: membership.members,
  }));
}

const HEALTH_SCHEMA = {
  operationId: "checkHealth",
  summary: "Whether the process is alive",
  security: NO_SECURITY,
  response: {
    200: { type: "object", required: ["status"], properties: { status: { const: "ok" } } },
    ...PROBLEM_RESPONSES,
  },
};

const READINESS = {
  type: "object",
  required: ["status", "waitingFor"],
  properties: {
    status: { type: "string", enum: ["ready", "waiting"] },
    waitingFor: { type: "array", items: { type: "string" } },
    degraded: {
      type: "array",
      items: { type: "string" },
      description: "What the node does its work in spite of",
    },
  },
};

const READY_SCHEMA = {
  operationId: "checkReadiness",
  summary: "Whether the node can do its work; 503 where it cannot",
  security: NO_SECURITY,
  response: {
    200: { ...READINESS, description: "It can" },
    503: { ...READINESS, description: "It waits for something" },
    ...PROBLEM_RESPONSES,
  },
};

const METRICS_SCHEMA = {
  operationId: "readMetrics",
  summary: "Metrics for Prometheus",
  security: NO_SECURITY,
  response: {
    200: { content: { "text/plain": { schema: { type: "string" } } } },
    ...PROBLEM_RESPONSES,
  },
};

const CLUSTER_SCHEMA = {
  operationId: "describeCluster",
  summary: "The consumers, and how topics are spread over them",
  security: NO_SECURITY,
  response: {
    200: {
      type: "object",
      required: ["node", "shards", "hash", "consumers"],
      properties: {
        node: {
          type: "object",
          required: ["id", "role"],
          properties: { id: { type: "string" }, role: { type: "string" } },
        },
        shards: { type: "integer", description: "How many there are" },
        hash: { type: "string", description: "What tells the shard of a topic" },
        consumers: {
          type: "array",
          items: {
            type: "object",
            required: ["id", "url"],
            properties: { id: { type: "string" }, url: { type: "string" } },
          },
        },
      },
    },
    ...PROBLEM_RESPONSES,
  },
};
