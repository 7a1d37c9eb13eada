// The topics on which nodes publish events about links and topics. docs/protocol.md#events
import { isPlainText, textBytes } from "./text.ts";
import { TOPIC_MAX_BYTES } from "./limits.ts";

const PREFIX = "$events/";

/** The topic with the events of one node's links: clients that connect and disconnect. */
export function linkEventsTopic(nodeId: string): string {
  return `${PREFIX}links/${nodeId}`;
}

/** The topic with the events of one topic's subscriptions. */
export function topicEventsTopic(topic: string): string {
  return `${PREFIX}topics/${topic}`;
}

/** Whether a name is a valid name of an events topic. */
export function isEventsTopic(name: string): boolean {
  if (!name.startsWith(PREFIX) || name.length === PREFIX.length) return false;
  return textBytes(name) <= TOPIC_MAX_BYTES && isPlainText(name);
}
