// @shardcast/testing: a cluster within the process of a test, on free ports, with fault injection.
//
//   start-cluster → cluster → cluster-node      nodes, which can be killed and restarted
//   network → front → one-way                   the connections to each node, and their faults
export { startCluster } from "./start-cluster.ts";
export type { Cluster } from "./cluster.ts";
export type { ClusterOptions } from "./cluster-options.ts";
export type { Network } from "./network.ts";
export type { TokenClaims } from "./tokens.ts";
