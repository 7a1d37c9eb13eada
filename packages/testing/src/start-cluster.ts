// Starts a cluster: an address for each node, then the nodes.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ShardcastError } from "@shardcast/protocol";
import { ClusterNode } from "./cluster-node.ts";
import { planCluster, type ClusterOptions } from "./cluster-options.ts";
import { Cluster } from "./cluster.ts";
import type { Front } from "./front.ts";
import { FaultyNetwork } from "./network.ts";

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 5;

/**
 * Starts a cluster in this process, on free ports of 127.0.0.1. Resolves when all nodes are ready. Close it, or the
 * process does not end.
 * @throws SHARDCAST_OPTION_INVALID
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const plan = planCluster(options);
  const network = new FaultyNetwork();
  const dataFolder =
    plan.log === "lmdb" ? await mkdtemp(join(tmpdir(), "shardcast-testing-")) : undefined;
  const consumerFronts = await listen(network, plan.consumers);
  const producerFronts = await listen(network, plan.producers);
  const ring = consumerFronts.map(({ id, front }) => `${id}=${front.url}`).join(",");
  const shared = { plan, ring, dataFolder, network };
  const consumers = consumerFronts.map(
    (each) => new ClusterNode({ ...shared, ...each, role: "consumer" }),
  );
  const producers = producerFronts.map(
    (each) => new ClusterNode({ ...shared, ...each, role: "producer" }),
  );
  const release = async (): Promise<void> => {
    await network.close();
    if (dataFolder !== undefined) await rm(dataFolder, { recursive: true, force: true });
  };
  const { psk, tokenSecret } = plan;
  const cluster = new Cluster({ psk, tokenSecret, network, consumers, producers, release });
  try {
    const nodes = [...consumers, ...producers];
    await Promise.all(nodes.map((node) => node.start()));
    await ready(nodes);
  } catch (error) {
    await cluster.close();
    throw error;
  }
  return cluster;
}

/** Listens at an address for each node. */
function listen(
  network: FaultyNetwork,
  ids: readonly string[],
): Promise<{ readonly id: string; readonly front: Front }[]> {
  return Promise.all(ids.map(async (id) => ({ id, front: await network.add(id) })));
}

/** @throws SHARDCAST_TIMEOUT */
async function ready(nodes: readonly ClusterNode[]): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT_MS;
  for (const node of nodes) {
    while (node.waitingFor.length > 0) {
      if (performance.now() > deadline) {
        const missing = node.waitingFor.join(", ");
        throw new ShardcastError("SHARDCAST_TIMEOUT", `${node.id} waits for ${missing}`);
      }
      await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
    }
  }
}
