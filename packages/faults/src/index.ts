// @shardcast/faults: the parts of a run under faults, for tests.
//
//   workload → history → checker      clients, what they received, and whether the cluster kept its promises
//   nemesis → node-process, tcp-proxy  the faults of the cluster
export { eventually } from "./eventually.ts";
export { freePort } from "./free-port.ts";
export { NodeClock, WRONG_CLOCKS } from "./node-clock.ts";
export { Random } from "./random.ts";
export { RedisClusterServers, RedisServer } from "./redis-server.ts";
export { TcpProxy } from "./tcp-proxy.ts";
export { spawnTied } from "./tied-process.ts";
export { check } from "./checker.ts";
export type { History, PublishRecord, SeenRecord, View } from "./history.ts";
export { run, type RunOptions, type RunResult } from "./run.ts";
export type { Rule, Violation } from "./violation.ts";
