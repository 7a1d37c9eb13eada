// What every node answers over HTTP, whatever its role.
import { SHARD_COUNT } from "@shardcast/protocol";
import type { FastifyInstance } from "fastify";
import type { Membership } from "../membership.ts";
import type { NodeMetrics } from "../metrics.ts";

export interface NodeRoutesOptions {
  readonly id: string;
  readonly role: string;
  readonly membership: Membership;
  readonly metrics: NodeMetrics;
  /** Empty where the node is ready; else what it waits for. */
  readonly waitingFor: () => string[];
  /** What the node does its work in spite of. */
  readonly degraded: () => string[];
}

export function addNodeRoutes(http: FastifyInstance, options: NodeRoutesOptions): void {
  const { id, role, membership, metrics, waitingFor, degraded } = options;
  http.get("/healthz", { schema: { summary: "Whether the process is alive" } }, () => ({
    status: "ok",
  }));
  http.get(
    "/readyz",
    { schema: { summary: "Whether the node can do its work; 503 where it cannot" } },
    (_request, reply) => {
      const missing = waitingFor();
      const faults = degraded();
      const isReady = missing.length === 0;
      return reply.code(isReady ? 200 : 503).send({
        status: isReady ? "ready" : "waiting",
        waitingFor: missing,
        ...(faults.length === 0 ? {} : { degraded: faults }),
      });
    },
  );
  http.get("/metrics", { schema: { summary: "Metrics for Prometheus" } }, async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.render()),
  );
  http.get(
    "/cluster",
    { schema: { summary: "The consumers, and how topics are spread over them" } },
    () => ({
      // Found by a host name, a consumer is called by its address in the list, whatever it calls itself.
      node: { id: membership.self?.id ?? id, role },
      shards: SHARD_COUNT,
      hash: "murmur3_32",
      consumers: membership.members,
    }),
  );
}
