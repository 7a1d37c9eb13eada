// Creates the handlers of a consumer's WebSocket endpoints.
import { followedTopicFault, type Endpoint } from "@shardcast/protocol";
import type { LinkHandler, NodeCore } from "@shardcast/server";
import { ConnectHandler } from "../links/connect-handler.ts";
import { SubscriberHandler } from "../links/subscriber-handler.ts";
import { deskOf } from "../presence/presence-desk.ts";
import { PresenceHandler } from "../presence/presence-handler.ts";
import { relayedTopicFault } from "../push/push-topic.ts";
import type { Topics } from "../topics/topics.ts";
import type { PresenceParts } from "./create-presence.ts";
import type { Publishing } from "./create-publishing.ts";

const PEER_TOPICS = 1_000_000;
/** The most presence requests of one client's link without an answer. */
const PRESENCE_WINDOW = 16;

export interface ConsumerHandlers extends Partial<Record<Endpoint, LinkHandler>> {
  readonly subscribe: SubscriberHandler;
  readonly relay: SubscriberHandler;
}

export function createHandlers(
  { options: { maxTopics }, turn, events }: NodeCore,
  topics: Topics,
  presence: PresenceParts,
  publishing: Publishing,
): ConsumerHandlers {
  const subscribe = new SubscriberHandler({
    topics,
    turn,
    maxTopics,
    isOwnedOnly: false,
    topicFault: followedTopicFault,
    events,
    presence: new PresenceHandler(presence.attendance, PRESENCE_WINDOW),
  });
  const relay = new SubscriberHandler({
    topics,
    turn,
    maxTopics: PEER_TOPICS,
    isOwnedOnly: true,
    topicFault: relayedTopicFault,
    events: undefined,
    presence: new PresenceHandler(deskOf(presence.owner), Infinity),
  });
  const connect = new ConnectHandler(publishing.clients, subscribe);
  return { producer: publishing.peers, subscribe, relay, connect };
}
