// @shardcast/protocol: what both ends of a link must agree on. No sockets, no timers, no runtime.
//
//   topic, ring, position       names, who owns them, where one is in them
//   presence, events            who is on a topic; what happens to links and topics
//   frame, endpoint, limits     what may be said, where, and how much
//   binary-codec, json-codec    how it looks on the wire
//   publish-head, message-layout, content   the same bytes, read and patched in place
//   handshake                   the proof, as state machines (its hashes: @shardcast/protocol/proof)
//   legacy-frame, legacy-handshake   the original queue's protocol
//   permissions, topic-pattern  what a client may do, and with which topics
//   errors                      the one table of codes
export * from "./backoff.ts";
export {
  FRAME_HEADER_BYTES,
  decodeFrame,
  decodeFrames,
  encodeFrame,
  forEachFrame,
  frameEnd,
  type FrameVisitor,
} from "./binary-codec.ts";
export { readUint32, readUint48, writeUint32, writeUint48 } from "./bytes.ts";
export { contentFault, payloadStart, type Content } from "./content.ts";
export * from "./endpoint.ts";
export * from "./errors.ts";
export { isEventsTopic, linkEventsTopic, topicEventsTopic } from "./events.ts";
export * from "./frame.ts";
export * from "./handshake.ts";
export { decodeJsonFrames, encodeJsonFrame } from "./json-codec.ts";
export * from "./legacy-frame.ts";
export * from "./legacy-handshake.ts";
export * from "./limits.ts";
export * from "./message-layout.ts";
export {
  NO_EPOCH,
  epochFromBytes,
  epochToBytes,
  formatFrom,
  formatPosition,
  parseFrom,
  parsePosition,
  type Epoch,
  type From,
  type Position,
} from "./position.ts";
export {
  PRESENCE_INCOMPLETE,
  followedTopicFault,
  memberFault,
  memberKey,
  presenceTopic,
  presenceTopicFault,
  topicOfPresence,
} from "./presence.ts";
export {
  ACTIONS,
  Permissions,
  parseGrants,
  parseGrantText,
  type Action,
  type Grant,
} from "./permissions.ts";
export {
  PUBLISH_SEQ_AT,
  PUBLISH_TIMEOUT_AT,
  PublishHead,
  readPublishTopic,
} from "./publish-head.ts";
export { Ring, isSameMember, type RingMember } from "./ring.ts";
export { decodeText, encodeText, isPlainText, isWellFormed, textBytes } from "./text.ts";
export { SHARD_COUNT, shardOf, topicFault, type TopicFault } from "./topic.ts";
export { TopicPattern, topicPatternFault } from "./topic-pattern.ts";
export { binaryToJson, framesToBinary } from "./transcode.ts";
