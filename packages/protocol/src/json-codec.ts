// Encodes and decodes the frames of subprotocol shardcast.v1.json: one JSON object per frame, one frame per
// line. docs/protocol.md#json
//
// Fields have the names of frame.ts. Bytes are base64, except a payload: `payload` holds it as text if it is
// UTF-8, `payloadBase64` holds it as base64 otherwise. A position is written as its token, `from` in its text
// form.
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { malformed } from "./byte-reader.ts";
import { encodeAttributes } from "./content.ts";
import { ShardcastError } from "./errors.ts";
import {
  FRAME_TYPES,
  type Attributes,
  type Frame,
  type FrameType,
  type PresenceMember,
} from "./frame.ts";
import { JsonReader } from "./json-reader.ts";
import { MAC_BYTES, NONCE_BYTES } from "./limits.ts";
import { formatFrom, formatPosition } from "./position.ts";
import { decodeText, encodeText } from "./text.ts";

/** Returns one line, without the line end. */
export function encodeJsonFrame(frame: Frame): string {
  return JSON.stringify(toJson(frame));
}

/** Decodes all frames of a WebSocket message and leaves out unknown ones with `"optional": true`. */
export function decodeJsonFrames(text: string): Frame[] {
  const frames: Frame[] = [];
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const frame = decodeJsonFrame(line);
    if (frame !== undefined) frames.push(frame);
  }
  return frames;
}

/** @throws SHARDCAST_FRAME_MALFORMED, SHARDCAST_FRAME_UNKNOWN */
function decodeJsonFrame(line: string): Frame | undefined {
  const reader = JsonReader.parse(line);
  const type = reader.text("type");
  if (!isFrameType(type)) {
    if (reader.optionalBoolean("optional")) return undefined;
    throw new ShardcastError("SHARDCAST_FRAME_UNKNOWN", "the frame type is unknown");
  }
  return fromJson(type, reader);
}

function isFrameType(type: string): type is FrameType {
  return Object.hasOwn(FRAME_TYPES, type);
}

function toJson(frame: Frame): Record<string, unknown> {
  switch (frame.type) {
    case "challenge":
      return { type: frame.type, nonce: encodeBase64(frame.nonce) };
    case "proof":
      return { ...frame, nonce: encodeBase64(frame.nonce), mac: encodeBase64(frame.mac) };
    case "welcome":
      return { ...frame, mac: encodeBase64(frame.mac) };
    case "publish": {
      const { payload, ...rest } = frame;
      return { ...rest, ...payloadToJson(payload) };
    }
    case "ack": {
      const { type, seq, position, duplicate } = frame;
      return { type, seq, position: formatPosition(position), ...(duplicate ? { duplicate } : {}) };
    }
    case "subscribe":
      return { ...frame, from: formatFrom(frame.from) };
    case "subscribed":
      return { ...frame, position: formatPosition(frame.position) };
    case "message": {
      const { payload, ...rest } = frame;
      return { ...rest, ...payloadToJson(payload) };
    }
    case "read":
      return { ...frame, from: formatFrom(frame.from) };
    case "leave": {
      const { lost, ...rest } = frame;
      return { ...rest, ...(lost ? { lost } : {}) };
    }
    case "present":
      return { ...frame, position: formatPosition(frame.position) };
    case "page":
      return {
        ...frame,
        position: formatPosition(frame.position),
        frames: encodeBase64(frame.frames),
      };
    case "drain":
    case "regroup":
    case "expiring":
    case "cause":
    case "checksum":
    case "ping":
    case "pong":
    case "large":
    case "clock":
      return { ...frame, optional: true };
    case "token":
    case "authorized":
    case "reject":
    case "unsubscribe":
    case "unsubscribed":
    case "gap":
    case "heartbeat":
    case "enter":
    case "entered":
    case "presence":
      return { ...frame };
  }
}

function fromJson(type: FrameType, reader: JsonReader): Frame {
  switch (type) {
    case "challenge":
      return { type, nonce: reader.bytes("nonce", NONCE_BYTES) };
    case "proof":
      return {
        type,
        keyId: reader.shortText("keyId"),
        nonce: reader.bytes("nonce", NONCE_BYTES),
        mac: reader.bytes("mac", MAC_BYTES),
      };
    case "welcome":
      return {
        type,
        mac: reader.bytes("mac", MAC_BYTES),
        nodeId: reader.shortText("nodeId"),
        linkId: reader.shortText("linkId"),
        maxPayloadBytes: reader.uint32("maxPayloadBytes"),
        maxTopics: reader.uint32("maxTopics"),
        windowMessages: reader.uint32("windowMessages"),
        heartbeatMs: reader.uint32("heartbeatMs"),
      };
    case "token":
      return { type, token: reader.optionalLongText("token") ?? "" };
    case "authorized":
      return {
        type,
        user: reader.optionalShortText("user") ?? "",
        expiresInMs: reader.optionalUint48("expiresInMs"),
      };
    case "publish":
      return {
        type,
        seq: reader.uint32("seq"),
        timeoutMs: reader.optionalUint32("timeoutMs"),
        topic: reader.shortText("topic"),
        ...contentFromJson(reader),
      };
    case "ack":
      return {
        type,
        seq: reader.uint32("seq"),
        position: reader.position("position"),
        duplicate: reader.optionalBoolean("duplicate"),
      };
    case "reject":
      return {
        type,
        seq: reader.uint32("seq"),
        code: reader.shortText("code"),
        reason: reader.optionalShortText("reason") ?? "",
      };
    case "subscribe":
      return {
        type,
        sub: reader.uint32("sub"),
        topic: reader.shortText("topic"),
        from: reader.from(),
      };
    case "subscribed":
      return {
        type,
        sub: reader.uint32("sub"),
        topicId: reader.uint32("topicId"),
        recovered: reader.optionalBoolean("recovered"),
        position: reader.position("position"),
        head: reader.uint48("head"),
        oldest: reader.uint48("oldest"),
      };
    case "unsubscribe":
      return { type, sub: reader.uint32("sub") };
    case "unsubscribed":
      return {
        type,
        sub: reader.uint32("sub"),
        code: reader.optionalShortText("code") ?? "",
        reason: reader.optionalShortText("reason") ?? "",
      };
    case "message":
      return {
        type,
        topicId: reader.uint32("topicId"),
        offset: reader.uint48("offset"),
        time: reader.uint48("time"),
        ...contentFromJson(reader),
      };
    case "gap":
      return {
        type,
        sub: reader.uint32("sub"),
        epoch: reader.epoch("epoch"),
        first: reader.uint48("first"),
        last: reader.uint48("last"),
      };
    case "heartbeat":
    case "ping":
    case "pong":
      return { type };
    case "read":
      return {
        type,
        seq: reader.uint32("seq"),
        topic: reader.shortText("topic"),
        from: reader.from(),
        limitBytes: reader.uint32("limitBytes"),
      };
    case "page":
      return {
        type,
        seq: reader.uint32("seq"),
        position: reader.position("position"),
        head: reader.uint48("head"),
        oldest: reader.uint48("oldest"),
        frames: reader.bytes("frames"),
      };
    case "enter":
      return {
        type,
        seq: reader.uint32("seq"),
        topic: reader.shortText("topic"),
        ...memberFromJson(reader),
      };
    case "entered":
      return { type, seq: reader.uint32("seq") };
    case "leave":
      return {
        type,
        lost: reader.optionalBoolean("lost"),
        topic: reader.shortText("topic"),
        memberId: reader.shortText("memberId"),
        user: reader.optionalShortText("user") ?? "",
      };
    case "presence":
      return {
        type,
        seq: reader.uint32("seq"),
        topic: reader.shortText("topic"),
        after: reader.optionalUint48("after"),
        limit: reader.uint32("limit"),
      };
    case "present":
      return {
        type,
        seq: reader.uint32("seq"),
        position: reader.position("position"),
        count: reader.uint32("count"),
        users: reader.uint32("users"),
        next: reader.uint48("next"),
        members: reader.objects("members").map(memberFromJson),
      };
    case "drain":
    case "regroup":
    case "expiring":
      return { type, withinMs: reader.uint32("withinMs") };
    case "cause":
      return { type, sub: reader.uint32("sub"), code: reader.shortText("code") };
    case "checksum":
      return { type, bytes: reader.uint32("bytes"), crc: reader.uint32("crc") };
    case "large":
      return { type, bytes: reader.uint32("bytes") };
    case "clock":
      return { type, seq: reader.uint32("seq"), time: reader.uint48("time") };
  }
}

function memberFromJson(reader: JsonReader): PresenceMember {
  return {
    memberId: reader.shortText("memberId"),
    user: reader.optionalShortText("user") ?? "",
    info: reader.optionalLongText("info") ?? "",
  };
}

function payloadToJson(payload: Uint8Array): Record<string, string> {
  const text = decodeText(payload, 0, payload.length);
  return text === undefined ? { payloadBase64: encodeBase64(payload) } : { payload: text };
}

interface JsonContent {
  readonly messageId?: string;
  readonly attributes?: Attributes;
  readonly payload: Uint8Array;
}

function contentFromJson(reader: JsonReader): JsonContent {
  const messageId = reader.optionalShortText("messageId");
  const attributes = reader.optionalAttributes("attributes");
  // Inside a node all frames are binary, so attributes that do not fit the binary layout are refused here.
  if (attributes !== undefined) encodeAttributes(attributes);
  return {
    ...(messageId === undefined ? {} : { messageId }),
    ...(attributes === undefined ? {} : { attributes }),
    payload: payloadFromJson(reader),
  };
}

function payloadFromJson(reader: JsonReader): Uint8Array {
  const text = reader.optionalText("payload");
  const base64 = reader.optionalText("payloadBase64");
  if (text !== undefined && base64 !== undefined) throw malformed("a frame has two payloads");
  if (base64 === undefined) return encodeText(text ?? "");
  const bytes = decodeBase64(base64);
  if (bytes === undefined) throw malformed("payloadBase64 is not base64");
  return bytes;
}
