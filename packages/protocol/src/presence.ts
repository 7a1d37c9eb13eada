// Who is on a topic: what a member may be, and the topic on which changes are told. docs/protocol.md#members
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
 * The position of a page whose list may lack members: the node has just begun to keep it. Whoever has a list adds
 * these to it, and goes by a whole one when the watchers are told to ask anew.
 */
export const PRESENCE_INCOMPLETE: Position = { epoch: NO_EPOCH, offset: 1 };

/** The topic that tells who enters and leaves another one. */
export function presenceTopic(topic: string): string {
  return PREFIX + topic;
}

/** The topic whose presence another one tells; undefined where it tells none. */
export function topicOfPresence(name: string): string | undefined {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
}

/** What is wrong with a topic that somebody wants to be on, or to know who is: it is up to 245 bytes long. */
export function presenceTopicFault(topic: string): TopicFault | undefined {
  const isTooLong = textBytes(presenceTopic(topic)) > TOPIC_MAX_BYTES;
  return topicFault(topic) ?? (isTooLong ? "SHARDCAST_TOPIC_INVALID" : undefined);
}

/** What is wrong with a topic that somebody wants to follow: what tells presence, or events, may be followed, too. */
export function followedTopicFault(name: string): TopicFault | undefined {
  if (isEventsTopic(name)) return undefined;
  const topic = topicOfPresence(name);
  return topic === undefined ? topicFault(name) : presenceTopicFault(topic);
}

/** One text for a member. Two users may choose the same id: neither is taken for the other. */
export function memberKey({ memberId, user }: MemberIdentity): string {
  return `${user}\n${memberId}`;
}

/** Tells whether a member breaks the rules. */
export function memberFault({ memberId, user, info }: PresenceMember): boolean {
  if (memberId === "" || textBytes(memberId) > MEMBER_ID_MAX_BYTES) return true;
  if (textBytes(user) > MEMBER_USER_MAX_BYTES) return true;
  if (!isPlainText(memberId) || !isPlainText(user) || !isWellFormed(info)) return true;
  return textBytes(info) > MEMBER_INFO_MAX_BYTES;
}
