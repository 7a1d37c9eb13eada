// The rules for topic names. docs/protocol.md#topics
import { TOPIC_MAX_BYTES } from "./limits.ts";
import { isPlainText, textBytes } from "./text.ts";

export type TopicFault = "SHARDCAST_TOPIC_INVALID" | "SHARDCAST_TOPIC_RESERVED";

/**
 * Checks a topic's name: 1–255 bytes of UTF-8, no control characters, and no leading `$`, which marks the
 * system's own topics. Returns the code of the violation, or undefined.
 */
export function topicFault(topic: string): TopicFault | undefined {
  if (topic.length === 0 || topic.length > TOPIC_MAX_BYTES) return "SHARDCAST_TOPIC_INVALID";
  if (!isPlainText(topic)) return "SHARDCAST_TOPIC_INVALID";
  if (textBytes(topic) > TOPIC_MAX_BYTES) return "SHARDCAST_TOPIC_INVALID";
  if (topic.startsWith("$")) return "SHARDCAST_TOPIC_RESERVED";
  return undefined;
}
