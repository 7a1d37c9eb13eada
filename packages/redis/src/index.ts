// @shardcast/redis: what a cluster keeps in Redis or Valkey. Its options are an entry of their own,
// @shardcast/redis/options: a node without Redis loads no more than that, and is there 0.1 s sooner.
//
//   redis-options, redis-target, redis-connection     which Redis; commands, scripts, channels
//   keys, scripts                                     what is kept, and all that changes it
//   redis-cluster → redis-members                     which consumers there are
//   redis-log → redis-topic-log                       the log of the topics that a node owns
//   redis-state, state-scripts                        small texts by key that are kept beside the topics
//   redis-source → followed-topic                     topics followed by any node
export { RedisCluster } from "./redis-cluster.ts";
export { RedisLog } from "./redis-log.ts";
export { RedisSource } from "./redis-source.ts";
