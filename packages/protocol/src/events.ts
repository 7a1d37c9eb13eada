// The topics on which nodes tell what happens to links and topics. docs/protocol.md#events
import { isPlainText, textBytes } from "./text.ts";
import { TOPIC_MAX_BYTES } from "./limits.ts";

const PREFIX = "$events/";

/** Tells of the links of one node: who connects, and who leaves. */
export function linkEventsTopic(nodeId: string): string {
  return `${PREFIX}links/${nodeId}`;
}

/** Tells of the subscriptions of one topic. */
export function topicEventsTopic(topic: string): string {
  return `${PREFIX}topics/${topic}`;
}

/** Whether a name is one of these. */
export function isEventsTopic(name: string): boolean {
  if (!name.startsWith(PREFIX) || name.length === PREFIX.length) return false;
  return textBytes(name) <= TOPIC_MAX_BYTES && isPlainText(name);
}
