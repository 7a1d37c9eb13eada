// Presence: the rules for members, and the topics that carry their changes. docs/protocol.md#members
import { isEventsTopic } from "./events.ts";
import type { MemberIdentity, PresenceMember } from "./frame.ts";
import {
  MEMBER_ID_MAX_BYTES,
  MEMBER_INFO_MAX_BYTES,
  MEMBER_USER_MAX_BYTES,
  TOPIC_MAX_BYTES,
} from "./limits.ts";
import { isPlainText, isWellFormed, textBytes } from "./text.ts";
import { NO_EPOCH, type Position } from "./position.ts";
import { topicFault, type TopicFault } from "./topic.ts";

const PREFIX = "$presence/";

/**
 * Marks a page whose list may lack members, because the owner has only just started the list. The client adds
 * the page's members to its own list and removes none. When the list is complete, the owner notifies the
 * watchers, and they request it again.
 */
export const PRESENCE_INCOMPLETE: Position = { epoch: NO_EPOCH, offset: 1 };

/** Returns the topic that carries the presence changes of `topic`. */
export function presenceTopic(topic: string): string {
  return PREFIX + topic;
}

/** Returns the topic whose presence changes `name` carries; undefined if `name` is not a presence topic. */
export function topicOfPresence(name: string): string | undefined {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
}

/** Checks a topic for enter and presence requests. It has at most 245 bytes, so that `$presence/<topic>` fits. */
export function presenceTopicFault(topic: string): TopicFault | undefined {
  const isTooLong = textBytes(presenceTopic(topic)) > TOPIC_MAX_BYTES;
  return topicFault(topic) ?? (isTooLong ? "SHARDCAST_TOPIC_INVALID" : undefined);
}

/** Checks a topic for subscribe requests, which also accept the topics of presence and of events. */
export function followedTopicFault(name: string): TopicFault | undefined {
  if (isEventsTopic(name)) return undefined;
  const topic = topicOfPresence(name);
  return topic === undefined ? topicFault(name) : presenceTopicFault(topic);
}

/** Returns a key that is unique per member: two users may choose the same member id. */
export function memberKey({ memberId, user }: MemberIdentity): string {
  return `${user}\n${memberId}`;
}

/** Whether a member breaks the rules. */
export function memberFault({ memberId, user, info }: PresenceMember): boolean {
  if (memberId === "" || textBytes(memberId) > MEMBER_ID_MAX_BYTES) return true;
  if (textBytes(user) > MEMBER_USER_MAX_BYTES) return true;
  if (!isPlainText(memberId) || !isPlainText(user) || !isWellFormed(info)) return true;
  return textBytes(info) > MEMBER_INFO_MAX_BYTES;
}
