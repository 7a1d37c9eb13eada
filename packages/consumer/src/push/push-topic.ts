// The topic on which the cluster keeps its push subscriptions. Their secrets are in there: no client may follow it.
import { followedTopicFault, type TopicFault } from "@shardcast/protocol";
import { eventsPublishFault } from "@shardcast/server";

export const PUSH_TOPIC = "$push";

/** What is wrong with a topic that a node follows at another one. */
export function relayedTopicFault(topic: string): TopicFault | undefined {
  return topic === PUSH_TOPIC ? undefined : followedTopicFault(topic);
}

/** What is wrong with a topic that a node publishes to. */
export function nodePublishFault(topic: string): TopicFault | undefined {
  return topic === PUSH_TOPIC ? undefined : eventsPublishFault(topic);
}
