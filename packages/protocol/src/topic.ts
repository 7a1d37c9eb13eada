// What a topic may be called, and the shard that it hashes to. docs/protocol.md#topics
import murmurhash from "murmurhash";
import { TOPIC_MAX_BYTES } from "./limits.ts";
import { isPlainText, textBytes } from "./text.ts";

/** A topic hashes to one of this many shards, for ever. */
export const SHARD_COUNT = 1024;

export type TopicFault = "SHARDCAST_TOPIC_INVALID" | "SHARDCAST_TOPIC_RESERVED";

/**
 * Tells what is wrong with a topic's name, or undefined where nothing is: 1–255 bytes of UTF-8, no
 * control characters, and no `$` in front, which marks the system's own topics.
 */
export function topicFault(topic: string): TopicFault | undefined {
  if (topic.length === 0 || topic.length > TOPIC_MAX_BYTES) return "SHARDCAST_TOPIC_INVALID";
  if (!isPlainText(topic)) return "SHARDCAST_TOPIC_INVALID";
  if (textBytes(topic) > TOPIC_MAX_BYTES) return "SHARDCAST_TOPIC_INVALID";
  if (topic.startsWith("$")) return "SHARDCAST_TOPIC_RESERVED";
  return undefined;
}

/** The shard of a topic: `murmur3_32(utf8(topic), seed 0) % 1024`. */
export function shardOf(topic: string): number {
  return murmurhash.v3(topic, 0) % SHARD_COUNT;
}
