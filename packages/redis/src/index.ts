// @shardcast/redis: stores a cluster's topics and members in Redis or Valkey. The options have
// their own entry point, @shardcast/redis/options: a node without Redis loads only that, and starts
// 0.1 s faster.
//
//   redis-options, redis-target, redis-connection     which Redis; commands, scripts, channels
//   keys, scripts                                     the keys, and the scripts that change them
//   redis-cluster → redis-members                     the cluster's consumers
//   redis-log → redis-topic-log                       the log of the topics that a node owns
//   redis-state, state-scripts                        a key-value store
//   redis-source → followed-topic                     lets any node follow topics
export { RedisCluster } from "./redis-cluster.ts";
export { RedisLog } from "./redis-log.ts";
export { RedisSource } from "./redis-source.ts";
