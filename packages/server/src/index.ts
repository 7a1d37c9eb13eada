// @shardcast/server: what every node has. A role (producer, consumer) brings handlers and topics.
//
//   run-node → node → acceptor → link → a LinkHandler of the role
//   publish-router → uplink → peer          publishes on their way to an owner
//   upstream → peer                         topics followed at their owner
//   legacy-acceptor → legacy-link → legacy-publisher, legacy-subscriber
//   turn, sweep, shared-frames              what makes many links cheap
export type { AccessHolder, LinkAccess } from "./access/link-access.ts";
export { readCertificates } from "./certificates.ts";
export type { FrameSink } from "./frame-sink.ts";
export { addressHolder, holdersOf } from "./access/holders.ts";
export { createLegacyAcceptor } from "./legacy-acceptor.ts";
export type { LegacySubscriptions } from "./legacy-subscriber.ts";
export { markLiterals, unmarkLiterals } from "./literal-arguments.ts";
export type { Link } from "./link.ts";
export { eventsPublishFault, type LifecycleEvents } from "./lifecycle-events.ts";
export type { LinkHandler, LinkTarget } from "./link-handler.ts";
export { HttpAccess } from "./http/http-access.ts";
export { AwaitingPublisher } from "./awaiting-publisher.ts";
export { addProduceRoutes } from "./http/produce-routes.ts";
export {
  ADMIN_SECURITY,
  CLIENT_SECURITY,
  MESSAGE_SCHEMA,
  POSITION_SCHEMA,
  PROBLEM_RESPONSES,
  TOPIC_PARAMS,
} from "./http/schemas.ts";
export { problem, problemOf, sendProblem } from "./http/problem.ts";
export type { SweptLink } from "./sweep.ts";
export { ShardcastNode, type NodeCore } from "./node.ts";
export { parseConsumers } from "./consumer-list.ts";
export type { Membership } from "./membership.ts";
export { RefusedBehind } from "./refused-behind.ts";
export { MOVED_REASON, NOBODY, type MovedPublish } from "./moved-publish.ts";
export type { NodeMetrics } from "./metrics.ts";
export { NODE_OPTIONS } from "./node-options.ts";
export { nodeUrl } from "./node-url.ts";
export { optionInvalid, text, wholeNumber, type RawOptions } from "./option-value.ts";
export type { NodeSocket, SocketOwner } from "./node-socket.ts";
export { publicReason } from "./public-reason.ts";
export { Outage } from "./outage.ts";
export { PublishHandler } from "./publish-handler.ts";
export { PublishRouter, type PublishRouterOptions } from "./publish-router.ts";
export { deadlineOf, hasOwnTime } from "./publish-wait.ts";
export type { PublishOrigin, PublishTarget, Refusal } from "./publish-target.ts";
export { runNode } from "./run-node.ts";
export { SharedFrames } from "./shared-frames.ts";
export { Turn, type TurnWork } from "./turn.ts";
export { Uplinks } from "./uplinks.ts";
export type { Follower, SourcePage, TopicSource } from "./topic-source.ts";
export type { Upstream } from "./upstream.ts";
export { Upstreams } from "./upstreams.ts";
export { WEBSOCKET_HEADER_BYTES } from "./websocket-frame.ts";
