// The shard of a topic. A file of its own, because browsers load the hash only for direct routing.
// docs/protocol.md#topics
import murmurhash from "murmurhash";

/** Number of shards. It can never change. */
export const SHARD_COUNT = 1024;

/** Returns the shard of a topic: `murmur3_32(utf8(topic), seed 0) % 1024`. */
export function shardOf(topic: string): number {
  return murmurhash.v3(topic, 0) % SHARD_COUNT;
}
