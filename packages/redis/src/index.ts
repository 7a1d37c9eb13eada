// @shardcast/redis: what a cluster keeps in Redis or Valkey.
//
//   redis-options, redis-target, redis-connection     which Redis; commands, scripts, channels
//   keys, scripts                                     what is kept, and all that changes it
//   redis-cluster → redis-members                     which consumers there are
//   redis-log → redis-topic-log                       the log of the topics that a node owns
//   redis-state, state-scripts                        small texts by key that are kept beside the topics
//   redis-source → followed-topic                     topics followed by any node
export { RedisCluster } from "./redis-cluster.ts";
export { RedisLog } from "./redis-log.ts";
export { REDIS_OPTIONS, parseRedisOptions, type RedisOptions } from "./redis-options.ts";
export { RedisSource } from "./redis-source.ts";
