// Encodes and decodes the frames of subprotocol shardcast.v1. docs/protocol.md#binary
//
//   0        1                          4
//   +--------+--------+--------+--------+------------------+
//   | type   | body bytes, 24 bits      | body             |   numbers are big-endian
//   +--------+--------+--------+--------+------------------+
//
// One WebSocket message carries one or more frames, back to back. Each case below lists the fields of the
// body in order. `text` is a length byte followed by UTF-8; `content` is described in content.ts.
import { readUint32 } from "./bytes.ts";
import { ByteReader, malformed } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { readContent, writeContent } from "./content.ts";
import { ShardcastError } from "./errors.ts";
import {
  FRAME_TYPES,
  SKIPPABLE_FROM,
  type Frame,
  type FrameType,
  type PresenceMember,
} from "./frame.ts";
import { MAC_BYTES, NONCE_BYTES } from "./limits.ts";
import { epochToBytes, type From, type Position } from "./position.ts";

export const FRAME_HEADER_BYTES = 4;

const FLAG = 0x01;
const NAMES = new Map<number, FrameType>(
  Object.entries(FRAME_TYPES).map(([name, type]) => [type, name as FrameType]),
);

/** Receives the type byte and the bounds of one frame. Returns false to stop after this frame. */
export type FrameVisitor = (type: number, start: number, end: number) => unknown;

/**
 * Calls `visit` for each frame of a WebSocket message, in order. `start` is the index of the frame's header.
 * @param from index of the header of the first frame to visit
 * @returns the end of the last visited frame
 * @throws SHARDCAST_FRAME_MALFORMED if the last frame is cut off
 */
export function forEachFrame(bytes: Uint8Array, visit: FrameVisitor, from = 0): number {
  let at = from;
  while (at < bytes.length) {
    const end = frameEnd(bytes, at);
    if (at + FRAME_HEADER_BYTES > bytes.length || end > bytes.length) {
      throw malformed("the last frame of a WebSocket message is cut off");
    }
    const type = bytes[at] ?? 0;
    const start = at;
    at = end;
    if (visit(type, start, end) === false) break;
  }
  return at;
}

/** Returns the end of the frame whose header begins at `start`. */
export function frameEnd(bytes: Uint8Array, start: number): number {
  return start + FRAME_HEADER_BYTES + (readUint32(bytes, start) & 0xff_ff_ff);
}

export function encodeFrame(frame: Frame): Uint8Array {
  const writer = new ByteWriter();
  writer.frame(FRAME_TYPES[frame.type], () => {
    writeBody(writer, frame);
  });
  return writer.finish();
}

/** Decodes all frames of a WebSocket message and leaves out skippable frames of an unknown type. */
export function decodeFrames(bytes: Uint8Array): Frame[] {
  const frames: Frame[] = [];
  forEachFrame(bytes, (_type, start, end) => {
    const frame = decodeFrame(bytes, start, end);
    if (frame !== undefined) frames.push(frame);
  });
  return frames;
}

/**
 * Decodes the frame between `start` (its header) and `end`. Returns undefined if the type is unknown and
 * skippable. Byte fields of the result are views into `bytes`.
 * @throws SHARDCAST_FRAME_MALFORMED, SHARDCAST_FRAME_UNKNOWN
 */
export function decodeFrame(bytes: Uint8Array, start: number, end: number): Frame | undefined {
  const type = bytes[start] ?? 0;
  const name = NAMES.get(type);
  if (name === undefined) {
    if (type >= SKIPPABLE_FROM) return undefined;
    throw new ShardcastError(
      "SHARDCAST_FRAME_UNKNOWN",
      `no frame has the type 0x${type.toString(16).padStart(2, "0")}`,
    );
  }
  const reader = new ByteReader(bytes, start + FRAME_HEADER_BYTES, end);
  const frame = readBody(reader, name);
  reader.finish();
  return frame;
}

function writeBody(writer: ByteWriter, frame: Frame): void {
  switch (frame.type) {
    case "challenge": // nonce 32
      writer.bytes(frame.nonce);
      return;
    case "proof": // keyId text · nonce 32 · mac 32
      writer.shortText(frame.keyId);
      writer.bytes(frame.nonce);
      writer.bytes(frame.mac);
      return;
    case "welcome": // mac 32 · nodeId text · linkId text · maxPayloadBytes u32 · maxTopics u32 · windowMessages u32 · heartbeatMs u32
      writer.bytes(frame.mac);
      writer.shortText(frame.nodeId);
      writer.shortText(frame.linkId);
      writer.uint32(frame.maxPayloadBytes);
      writer.uint32(frame.maxTopics);
      writer.uint32(frame.windowMessages);
      writer.uint32(frame.heartbeatMs);
      return;
    case "token": // token long text
      writer.longText(frame.token);
      return;
    case "authorized": // user text · expiresInMs u48
      writer.shortText(frame.user);
      writer.uint48(frame.expiresInMs);
      return;
    case "publish": // seq u32 · timeoutMs u32 · topic text · content
      writer.uint32(frame.seq);
      writer.uint32(frame.timeoutMs);
      writer.shortText(frame.topic);
      writeContent(writer, frame);
      return;
    case "ack": // seq u32 · flags u8 (bit 0: duplicate) · epoch 8 · offset u48
      writer.uint32(frame.seq);
      writer.uint8(frame.duplicate ? FLAG : 0);
      writePosition(writer, frame.position);
      return;
    case "reject": // seq u32 · code text · reason text
      writer.uint32(frame.seq);
      writer.shortText(frame.code);
      writer.shortText(frame.reason);
      return;
    case "subscribe": // sub u32 · topic text · from
      writer.uint32(frame.sub);
      writer.shortText(frame.topic);
      writeFrom(writer, frame.from);
      return;
    case "subscribed": // sub u32 · topicId u32 · flags u8 (bit 0: recovered) · epoch 8 · offset u48 · head u48 · oldest u48
      writer.uint32(frame.sub);
      writer.uint32(frame.topicId);
      writer.uint8(frame.recovered ? FLAG : 0);
      writePosition(writer, frame.position);
      writer.uint48(frame.head);
      writer.uint48(frame.oldest);
      return;
    case "unsubscribe": // sub u32
      writer.uint32(frame.sub);
      return;
    case "unsubscribed": // sub u32 · code text · reason text
      writer.uint32(frame.sub);
      writer.shortText(frame.code);
      writer.shortText(frame.reason);
      return;
    case "message": // topicId u32 · offset u48 · time u48 · content
      writer.uint32(frame.topicId);
      writer.uint48(frame.offset);
      writer.uint48(frame.time);
      writeContent(writer, frame);
      return;
    case "gap": // sub u32 · epoch 8 · first u48 · last u48
      writer.uint32(frame.sub);
      writer.bytes(epochToBytes(frame.epoch));
      writer.uint48(frame.first);
      writer.uint48(frame.last);
      return;
    case "heartbeat": // nothing
    case "ping": // nothing
    case "pong": // nothing
      return;
    case "read": // seq u32 · topic text · from · limitBytes u32
      writer.uint32(frame.seq);
      writer.shortText(frame.topic);
      writeFrom(writer, frame.from);
      writer.uint32(frame.limitBytes);
      return;
    case "page": // seq u32 · epoch 8 · offset u48 · head u48 · oldest u48 · message frames to the end
      writer.uint32(frame.seq);
      writePosition(writer, frame.position);
      writer.uint48(frame.head);
      writer.uint48(frame.oldest);
      writer.bytes(frame.frames);
      return;
    case "enter": // seq u32 · topic text · memberId text · user text · info long text
      writer.uint32(frame.seq);
      writer.shortText(frame.topic);
      writeMember(writer, frame);
      return;
    case "entered": // seq u32
      writer.uint32(frame.seq);
      return;
    case "leave": // flags u8 (bit 0: lost) · topic text · memberId text · user text
      writer.uint8(frame.lost ? FLAG : 0);
      writer.shortText(frame.topic);
      writer.shortText(frame.memberId);
      writer.shortText(frame.user);
      return;
    case "presence": // seq u32 · topic text · after u48 · limit u32
      writer.uint32(frame.seq);
      writer.shortText(frame.topic);
      writer.uint48(frame.after);
      writer.uint32(frame.limit);
      return;
    case "present": // seq u32 · epoch 8 · offset u48 · count u32 · users u32 · next u48 · members to the end
      writer.uint32(frame.seq);
      writePosition(writer, frame.position);
      writer.uint32(frame.count);
      writer.uint32(frame.users);
      writer.uint48(frame.next);
      for (const member of frame.members) writeMember(writer, member);
      return;
    case "drain": // withinMs u32
    case "regroup": // withinMs u32
    case "expiring": // withinMs u32
      writer.uint32(frame.withinMs);
      return;
    case "cause": // sub u32 · code text
      writer.uint32(frame.sub);
      writer.shortText(frame.code);
      return;
    case "checksum": // bytes u32 · crc u32
      writer.uint32(frame.bytes);
      writer.uint32(frame.crc);
      return;
    case "large": // bytes u32
      writer.uint32(frame.bytes);
      return;
    case "clock": // seq u32 · time u48
      writer.uint32(frame.seq);
      writer.uint48(frame.time);
      return;
  }
}

function readBody(reader: ByteReader, type: FrameType): Frame {
  switch (type) {
    case "challenge":
      return { type, nonce: reader.bytes(NONCE_BYTES) };
    case "proof":
      return {
        type,
        keyId: reader.shortText(),
        nonce: reader.bytes(NONCE_BYTES),
        mac: reader.bytes(MAC_BYTES),
      };
    case "welcome":
      return {
        type,
        mac: reader.bytes(MAC_BYTES),
        nodeId: reader.shortText(),
        linkId: reader.shortText(),
        maxPayloadBytes: reader.uint32(),
        maxTopics: reader.uint32(),
        windowMessages: reader.uint32(),
        heartbeatMs: reader.uint32(),
      };
    case "token":
      return { type, token: reader.longText() };
    case "authorized":
      return { type, user: reader.shortText(), expiresInMs: reader.uint48() };
    case "publish":
      return {
        type,
        seq: reader.uint32(),
        timeoutMs: reader.uint32(),
        topic: reader.shortText(),
        ...readContent(reader),
      };
    case "ack":
      return {
        type,
        seq: reader.uint32(),
        duplicate: readFlag(reader),
        position: readPosition(reader),
      };
    case "reject":
      return {
        type,
        seq: reader.uint32(),
        code: reader.shortText(),
        reason: reader.shortText(),
      };
    case "subscribe":
      return { type, sub: reader.uint32(), topic: reader.shortText(), from: readFrom(reader) };
    case "subscribed":
      return {
        type,
        sub: reader.uint32(),
        topicId: reader.uint32(),
        recovered: readFlag(reader),
        position: readPosition(reader),
        head: reader.uint48(),
        oldest: reader.uint48(),
      };
    case "unsubscribe":
      return { type, sub: reader.uint32() };
    case "unsubscribed":
      return { type, sub: reader.uint32(), code: reader.shortText(), reason: reader.shortText() };
    case "message":
      return {
        type,
        topicId: reader.uint32(),
        offset: reader.uint48(),
        time: reader.uint48(),
        ...readContent(reader),
      };
    case "gap":
      return {
        type,
        sub: reader.uint32(),
        epoch: reader.epoch(),
        first: reader.uint48(),
        last: reader.uint48(),
      };
    case "heartbeat":
    case "ping":
    case "pong":
      return { type };
    case "read":
      return {
        type,
        seq: reader.uint32(),
        topic: reader.shortText(),
        from: readFrom(reader),
        limitBytes: reader.uint32(),
      };
    case "page":
      return {
        type,
        seq: reader.uint32(),
        position: readPosition(reader),
        head: reader.uint48(),
        oldest: reader.uint48(),
        frames: reader.rest(),
      };
    case "enter":
      return {
        type,
        seq: reader.uint32(),
        topic: reader.shortText(),
        ...readMember(reader),
      };
    case "entered":
      return { type, seq: reader.uint32() };
    case "leave":
      return {
        type,
        lost: readFlag(reader),
        topic: reader.shortText(),
        memberId: reader.shortText(),
        user: reader.shortText(),
      };
    case "presence":
      return {
        type,
        seq: reader.uint32(),
        topic: reader.shortText(),
        after: reader.uint48(),
        limit: reader.uint32(),
      };
    case "present":
      return {
        type,
        seq: reader.uint32(),
        position: readPosition(reader),
        count: reader.uint32(),
        users: reader.uint32(),
        next: reader.uint48(),
        members: readMembers(reader),
      };
    case "drain":
    case "regroup":
    case "expiring":
      return { type, withinMs: reader.uint32() };
    case "cause":
      return { type, sub: reader.uint32(), code: reader.shortText() };
    case "checksum":
      return { type, bytes: reader.uint32(), crc: reader.uint32() };
    case "large":
      return { type, bytes: reader.uint32() };
    case "clock":
      return { type, seq: reader.uint32(), time: reader.uint48() };
  }
}

function readFlag(reader: ByteReader): boolean {
  const flags = reader.uint8();
  if (flags > FLAG) throw malformed("unknown flags in a frame");
  return flags === FLAG;
}

function writePosition(writer: ByteWriter, position: Position): void {
  writer.bytes(epochToBytes(position.epoch));
  writer.uint48(position.offset);
}

function readPosition(reader: ByteReader): Position {
  return { epoch: reader.epoch(), offset: reader.uint48() };
}

/** memberId text · user text · info long text */
function writeMember(writer: ByteWriter, member: PresenceMember): void {
  writer.shortText(member.memberId);
  writer.shortText(member.user);
  writer.longText(member.info);
}

function readMember(reader: ByteReader): PresenceMember {
  return { memberId: reader.shortText(), user: reader.shortText(), info: reader.longText() };
}

function readMembers(reader: ByteReader): PresenceMember[] {
  const members: PresenceMember[] = [];
  while (!reader.isAtEnd) members.push(readMember(reader));
  return members;
}

const FROM_KINDS = ["live", "earliest", "position", "last", "since"] as const;

/** kind u8, then depending on the kind: 2: epoch 8 · offset u48, 3: count u32, 4: time u48 */
function writeFrom(writer: ByteWriter, from: From): void {
  writer.uint8(FROM_KINDS.indexOf(from.type));
  switch (from.type) {
    case "live":
    case "earliest":
      return;
    case "position":
      writePosition(writer, from.position);
      return;
    case "last":
      writer.uint32(from.count);
      return;
    case "since":
      writer.uint48(from.time);
      return;
  }
}

function readFrom(reader: ByteReader): From {
  const type = FROM_KINDS[reader.uint8()];
  switch (type) {
    case "live":
    case "earliest":
      return { type };
    case "position":
      return { type, position: readPosition(reader) };
    case "last":
      return { type, count: reader.uint32() };
    case "since":
      return { type, time: reader.uint48() };
    case undefined:
    default:
      throw malformed("the kind of start position is unknown");
  }
}
