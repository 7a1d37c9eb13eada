// @shardcast/client: publish and subscribe, from Node and from browsers.
//
//   connect, options              creating a client
//   client, client-state          publish, subscribe, drain, close; whether the cluster can be reached
//   outbox, publication           publishes without an answer; one publish
//   subscription, message, data   the subscriber's interface; conversion of data to bytes and back
//   topic-reader, inbox           its implementation: the position in the topic; the messages to read
//   topic-follower                one subscription at a node for all readers of a topic
//   history, reading              reads of stored messages
//   request-reply                 request and reply over two topics
//   presence                      the members of a topic
//   topic-presence, member-list   its implementation: this client's member; the list
//   cluster-route, *-route, cluster   topic → connections; lazy: what a page loads when it uses it
//   connection-pool, connection   one link after another, and what they carry:
//   sender, following, attending, requests    publishes, subscriptions, presences, other requests
//   link, link-end, liveness      one WebSocket; detection of dead links
//   platform.*, runtime, surroundings   functions of Node or the browser
export {
  ShardcastError,
  type ErrorCode,
  type From,
  type Position,
  type PresenceMember,
} from "@shardcast/protocol";
export type { Client, ClientEvents, SubscribeOptions } from "./client.ts";
export type { ClientState, ClientStateName } from "./client-state.ts";
export { connect, createClient } from "./connect.ts";
export type { LinkEvent } from "./connection.ts";
export type { PublishData } from "./data.ts";
export type { History, HistoryOptions } from "./history.ts";
export type { Gap, Subscribed, SubscriptionEvents } from "./inbox.ts";
export type { Message } from "./message.ts";
export type { ConnectOptions, DebugLog } from "./options.ts";
export type { EnterOptions, PresenceEvents, PresenceNumbers } from "./topic-presence.ts";
export type { Presence, PresenceOptions } from "./presence.ts";
export type { PublishOptions } from "./outbox.ts";
export type { Published } from "./publication.ts";
export type { RequestOptions } from "./request-reply.ts";
export type { MessageIterator, Subscription } from "./subscription.ts";
