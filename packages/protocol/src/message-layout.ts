// The layout of message and ack frames, for code that writes and patches them in place.
//
//   message   0        4         8          14         20
//             +--------+---------+----------+----------+---------+
//             | header | topicId | offset   | time     | content |
//             +--------+---------+----------+----------+---------+
//   ack       0        4         8          9          17        23
//             +--------+---------+----------+----------+---------+
//             | header | seq     | flags    | epoch    | offset  |
//             +--------+---------+----------+----------+---------+
import { readUint32, readUint48, writeUint32, writeUint48 } from "./bytes.ts";
import { FRAME_TYPES } from "./frame.ts";

/** Length of a message frame up to its content. */
export const MESSAGE_HEAD_BYTES = 20;
const MESSAGE_TOPIC_AT = 4;
const MESSAGE_OFFSET_AT = 8;
const MESSAGE_TIME_AT = 14;

export const ACK_BYTES = 23;
const ACK_SEQ_AT = 4;
const ACK_FLAGS_AT = 8;
const ACK_EPOCH_AT = 9;
const ACK_OFFSET_AT = 17;
const ACK_HEADER = ((FRAME_TYPES.ack << 24) | (ACK_BYTES - 4)) >>> 0;

export interface MessageHead {
  readonly topicId: number;
  readonly offset: number;
  readonly time: number;
  readonly contentBytes: number;
}

/** Writes a message frame except its content, which begins {@link MESSAGE_HEAD_BYTES} after `at`. */
export function writeMessageHead(bytes: Uint8Array, at: number, head: MessageHead): void {
  const bodyBytes = MESSAGE_HEAD_BYTES - 4 + head.contentBytes;
  writeUint32(bytes, at, ((FRAME_TYPES.message << 24) | bodyBytes) >>> 0);
  writeUint32(bytes, at + MESSAGE_TOPIC_AT, head.topicId);
  writeUint48(bytes, at + MESSAGE_OFFSET_AT, head.offset);
  writeUint48(bytes, at + MESSAGE_TIME_AT, head.time);
}

export function readMessageTopicId(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + MESSAGE_TOPIC_AT);
}

export function readMessageOffset(bytes: Uint8Array, at: number): number {
  return readUint48(bytes, at + MESSAGE_OFFSET_AT);
}

export function readMessageTime(bytes: Uint8Array, at: number): number {
  return readUint48(bytes, at + MESSAGE_TIME_AT);
}

/** Replaces the topic id: a relay uses its own number for the topic. */
export function writeMessageTopicId(bytes: Uint8Array, at: number, topicId: number): void {
  writeUint32(bytes, at + MESSAGE_TOPIC_AT, topicId);
}

export interface AckFields {
  readonly seq: number;
  readonly isDuplicate: boolean;
  readonly epoch: Uint8Array;
  readonly offset: number;
}

export function writeAck(bytes: Uint8Array, at: number, ack: AckFields): void {
  writeUint32(bytes, at, ACK_HEADER);
  writeUint32(bytes, at + ACK_SEQ_AT, ack.seq);
  bytes[at + ACK_FLAGS_AT] = ack.isDuplicate ? 1 : 0;
  bytes.set(ack.epoch, at + ACK_EPOCH_AT);
  writeUint48(bytes, at + ACK_OFFSET_AT, ack.offset);
}

export function readAckSeq(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at + ACK_SEQ_AT);
}

/** Replaces the seq: a producer node forwards an ack under the publisher's seq. */
export function writeAckSeq(bytes: Uint8Array, at: number, seq: number): void {
  writeUint32(bytes, at + ACK_SEQ_AT, seq);
}
