// Patterns that stand for many topics, the same wherever topics are named by pattern. docs/protocol.md#topic-patterns
import { TOPIC_MAX_BYTES } from "./limits.ts";
import { isPlainText } from "./text.ts";

/** Tells whether a pattern breaks the rules: 1–255 characters, none of them a control character. */
export function topicPatternFault(pattern: string): boolean {
  return pattern.length === 0 || pattern.length > TOPIC_MAX_BYTES || !isPlainText(pattern);
}

/** Tells whether a topic fits a pattern: `*` stands for any characters or none, all else for itself. */
export function matchesTopic(pattern: string, topic: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  if (parts.length === 1) return topic === pattern;
  const last = parts[parts.length - 1] ?? "";
  if (topic.length < first.length + last.length) return false;
  if (!topic.startsWith(first) || !topic.endsWith(last)) return false;
  // Each part in between at the first place where it stands: what follows then has the most room.
  let at = first.length;
  const end = topic.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = topic.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
