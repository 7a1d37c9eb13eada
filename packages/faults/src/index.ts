// @shardcast/faults: what a run under faults is made of, for the tests that look at it.
//
//   workload → history → checker      clients, what they saw, and whether that keeps the promises
//   nemesis → node-process, tcp-proxy  what is done to the cluster meanwhile
export { check } from "./checker.ts";
export type { History, PublishRecord, SeenRecord, View } from "./history.ts";
export { run, type RunOptions, type RunResult } from "./run.ts";
export type { Rule, Violation } from "./violation.ts";
