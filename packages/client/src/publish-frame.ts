// Encodes a publish: converts the data, and checks the frame against the protocol's limits before it is sent.
import {
  CONTENT_TYPE,
  FRAME_MAX_BODY_BYTES,
  PUBLISH_OVERHEAD_BYTES,
  ShardcastError,
  contentFault,
  encodeFrame,
  topicFault,
  type Attributes,
} from "@shardcast/protocol";
import { encodeData, type PublishData } from "./data.ts";

export interface PublishContent {
  readonly messageId: string;
  readonly attributes: Attributes | undefined;
  readonly data: PublishData;
}

export interface EncodedPublish {
  /** The sequence number and the remaining time are 0 until it is sent. */
  readonly frame: Uint8Array;
  readonly payloadBytes: number;
}

/**
 * @throws SHARDCAST_TOPIC_INVALID, SHARDCAST_TOPIC_RESERVED, SHARDCAST_MESSAGE_ID_INVALID,
 * SHARDCAST_ATTRIBUTES_INVALID, SHARDCAST_PAYLOAD_TOO_LARGE, SHARDCAST_OPTION_INVALID
 */
export function encodePublish(topic: string, publish: PublishContent): EncodedPublish {
  const { payload, contentType } = encodeData(publish.data);
  const attributes = withContentType(publish.attributes, contentType);
  const { messageId } = publish;
  const content =
    attributes === undefined ? { messageId, payload } : { messageId, attributes, payload };
  const fault = topicFault(topic) ?? contentFault(content) ?? payloadFault(payload);
  if (fault !== undefined) throw new ShardcastError(fault);
  const frame = encodeFrame({ type: "publish", seq: 0, timeoutMs: 0, topic, ...content });
  return { frame, payloadBytes: payload.length };
}

/** A content type from the publisher has priority. */
function withContentType(
  attributes: Attributes | undefined,
  contentType: string | undefined,
): Attributes | undefined {
  if (contentType === undefined) return attributes;
  return { [CONTENT_TYPE]: contentType, ...attributes };
}

/** The payload does not fit into a frame, so every node would refuse it. */
function payloadFault(payload: Uint8Array): "SHARDCAST_PAYLOAD_TOO_LARGE" | undefined {
  const fits = payload.length <= FRAME_MAX_BODY_BYTES - PUBLISH_OVERHEAD_BYTES;
  return fits ? undefined : "SHARDCAST_PAYLOAD_TOO_LARGE";
}
