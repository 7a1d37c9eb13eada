// @shardcast/client: publish and subscribe, from Node and from browsers.
//
//   connect, options              the way in
//   client                        publish, subscribe, drain, close
//   outbox, publication           publishes without an answer; one publish
//   subscription, message, data   what a subscriber reads; data as bytes and back
//   follower, inbox               behind it: how far it is; what waits to be read
//   presence                      who is on a topic
//   attendee, member-list         behind it: this client's place; who is known to be there
//   route, route-*, cluster       topic → connections
//   connection-pool, connection   links one after another, and who uses them:
//   sender, following, attending    the publishes, the subscriptions, presence
//   link, link-end, liveness      one WebSocket; whether its other end is there
//   platform.*, runtime, wake     what comes from Node or the browser
export {
  ShardcastError,
  type ErrorCode,
  type From,
  type Position,
  type PresenceMember,
} from "@shardcast/protocol";
export type { Client, ClientEvents, SubscribeOptions } from "./client.ts";
export { connect } from "./connect.ts";
export type { LinkEvent } from "./connection.ts";
export type { PublishData } from "./data.ts";
export type { Gap, Subscribed, SubscriptionEvents } from "./inbox.ts";
export type { Message } from "./message.ts";
export type { ConnectOptions } from "./options.ts";
export type { EnterOptions, PresenceEvents, PresenceNumbers } from "./attendee.ts";
export type { Presence, PresenceOptions } from "./presence.ts";
export type { PublishOptions } from "./outbox.ts";
export type { Published } from "./publication.ts";
export type { Subscription } from "./subscription.ts";
