// Creates the presence parts of a consumer: the members of the topics that it owns, and its reports
// of its own clients.
import { encodeText } from "@shardcast/protocol";
import { NodePublisher, type NodeCore } from "@shardcast/server";
import { Attendance } from "../presence/attendance.ts";
import { PresenceOwner } from "../presence/presence-owner.ts";
import type { ConsumerOptions } from "./consumer-options.ts";
import type { TopicParts } from "./create-topics.ts";

export interface PresenceParts {
  readonly owner: PresenceOwner;
  readonly attendance: Attendance;
}

export function createPresence(
  { membership, runtime, options: { maxTopics } }: NodeCore,
  options: ConsumerOptions,
  { topics, owner: topicOwner, upstreams }: TopicParts,
): PresenceParts {
  // Publish to this node itself, not by the ring: a node that no longer owns a topic must not
  // publish its members elsewhere.
  const publisher = NodePublisher.to(topicOwner);
  const owner = new PresenceOwner({
    runtime,
    owns: (topic) => membership.owns(topic),
    timeoutMs: options.presenceTimeoutMs,
    maxMembers: options.maxPresent,
    publish: (topic, text) => publisher.publish({ topic, payload: encodeText(text) }),
    positionOf: (topic) => topics.positionOf(topic),
  });
  const attendance = new Attendance({
    membership,
    owner,
    upstreamTo: (member) => upstreams.to(member),
    maxMembers: maxTopics,
    maxEach: options.maxPresentEach,
    watched: () => topics.presenceNames(),
  });
  upstreams.onOpen((member) => attendance.reached(member));
  return { owner, attendance };
}
