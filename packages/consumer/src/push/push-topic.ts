// The topic in which the cluster keeps its push subscriptions. It contains their secrets, so no
// client may subscribe to it.
import { followedTopicFault, type TopicFault } from "@shardcast/protocol";
import { eventsPublishFault } from "@shardcast/server";

export const PUSH_TOPIC = "$push";

/** Returns why a node may not subscribe to a topic at another node. */
export function relayedTopicFault(topic: string): TopicFault | undefined {
  return topic === PUSH_TOPIC ? undefined : followedTopicFault(topic);
}

/** Returns why a node may not publish to a topic. */
export function nodePublishFault(topic: string): TopicFault | undefined {
  return topic === PUSH_TOPIC ? undefined : eventsPublishFault(topic);
}
