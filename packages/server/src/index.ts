// @shardcast/server: what every node has in common. A role (producer, consumer) adds handlers and
// topics.
//
//   run-node → node → acceptor → link → a LinkHandler of the role
//   publish-router → uplink → peer          publishes on their way to an owner
//   upstream → peer                         subscriptions to topics at their owner
//   legacy-acceptor → legacy-link → legacy-publisher, legacy-subscriber
//   turn, sweep, shared-frames              make many links cheap
export type { AccessHolder, LinkAccess } from "./access/link-access.ts";
export { readCertificates } from "./options/certificates.ts";
export type { FrameSink } from "./link/frame-sink.ts";
export { addressHolder, holdersOf } from "./access/holders.ts";
export { createLegacyAcceptor } from "./legacy/legacy-acceptor.ts";
export type { LegacySubscriptions } from "./legacy/legacy-subscriber.ts";
export { eventsPublishFault, type LifecycleEvents } from "./publish/lifecycle-events.ts";
export type { HandledLink, LinkHandler, LinkTarget } from "./link/link-handler.ts";
export { HttpAccess } from "./http/http-access.ts";
export { logActions } from "./http/log-actions.ts";
export { AwaitingPublisher } from "./publish/awaiting-publisher.ts";
export { NodePublisher, type NodeMessage } from "./publish/node-publisher.ts";
export { PausedSources, type Pausable } from "./publish/paused-sources.ts";
export { addProduceRoutes } from "./publish/produce-routes.ts";
export {
  ADMIN_SECURITY,
  CLIENT_SECURITY,
  MESSAGE_SCHEMA,
  POSITION_SCHEMA,
  PROBLEM_RESPONSES,
  TOPIC_PARAMS,
} from "./http/schemas.ts";
export { problem, problemOf, sendProblem } from "./http/problem.ts";
export type { SweptLink } from "./link/sweep.ts";
export { ShardcastNode, type NodeCore } from "./node/node.ts";
export { openNodeCore } from "./node/open-node-core.ts";
export type { Dial } from "./peer/peer.ts";
export { parseConsumers } from "./cluster/consumer-list.ts";
export type { Membership } from "./cluster/membership.ts";
export { RefusedBehind } from "./publish/refused-behind.ts";
export { MOVED_REASON, NOBODY, type MovedPublish } from "./publish/moved-publish.ts";
export type { NodeMetrics } from "./http/metrics.ts";
export type { NodeSocket, SocketOwner } from "./link/node-socket.ts";
export { PublishHandler } from "./link/publish-handler.ts";
export { PublishRouter, type PublishRouterOptions } from "./publish/publish-router.ts";
export { deadlineOf, hasOwnTime } from "./publish/publish-wait.ts";
export type { PublishOrigin, PublishTarget, Refusal } from "./publish/publish-target.ts";
export { runNode } from "./run-node.ts";
export { Turn, type TurnWork } from "./turn/turn.ts";
export { Uplinks } from "./peer/uplinks.ts";
export type { Follower, SourcePage, TopicSource } from "./peer/topic-source.ts";
export type { Upstream } from "./peer/upstream.ts";
export { Upstreams } from "./peer/upstreams.ts";
