// @shardcast/protocol: everything that both ends of a link must agree on. No sockets, no timers, no runtime.
//
//   topic, shard, ring, position topic names, their owners, positions in topics
//   presence, events            topics for members, and for events of links and topics
//   frame, endpoint, limits     the frames, where each is allowed, the limits
//   binary-codec, json-codec    the encodings
//   publish-head, message-layout, content   reading and patching encoded frames in place
//   handshake                   the proof, as state machines (its hashes: @shardcast/protocol/proof)
//   legacy-frame, legacy-handshake   the original queue's protocol
//   permissions, topic-pattern  what a client may do, and with which topics
//   errors                      the table of codes
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
export {
  CONTENT_TYPE,
  JSON_TYPE,
  mediaTypeOf,
  payloadKind,
  type PayloadKind,
} from "./content-type.ts";
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
export { nodeUrl } from "./node-url.ts";
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
  type AllowingGrant,
  type Grant,
} from "./permissions.ts";
export {
  PUBLISH_SEQ_AT,
  PUBLISH_TIMEOUT_AT,
  PublishHead,
  readPublishTopic,
} from "./publish-head.ts";
export { Ring, isSameMember, type RingMember } from "./ring.ts";
export { SHARD_COUNT, shardOf } from "./shard.ts";
export { decodeText, encodeText, isPlainText, isWellFormed, textBytes } from "./text.ts";
export { topicFault, type TopicFault } from "./topic.ts";
export { TopicPattern, topicPatternFault } from "./topic-pattern.ts";
export { binaryToJson, framesToBinary } from "./transcode.ts";
export {
  USER_ATTRIBUTE,
  isReservedAttribute,
  splitAttributes,
  type SplitAttributes,
} from "./user-attribute.ts";
