// The store's record of a topic: its number, its epoch, and how much was dropped.
//
//   0        4       12         18       24        30        36        42          48      52
//   +--------+-------+----------+--------+---------+---------+---------+-----------+-------+
//   | number | epoch | messages floor    | time    | ids floor         | ids time  | crc   |
//   |        |       | offset   | sum    |         | offset  | sum     |           |       |
//   +--------+-------+----------+--------+---------+---------+---------+-----------+-------+
//
// The checksum is the CRC-32 of the topic's name, then of the fields before the checksum: with a
// wrong number or name, a topic would have another topic's messages. Version 1 of the folder had no
// checksum: those records end at 48.
import { crc32 } from "node:zlib";
import {
  epochFromBytes,
  readUint32,
  readUint48,
  writeUint32,
  writeUint48,
  type Epoch,
} from "@shardcast/protocol";
import type { Mark } from "./series.ts";

const UNCHECKED_RECORD_BYTES = 48;
const RECORD_BYTES = 52;
const EPOCH_AT = 4;
const MESSAGES_AT = 12;
const IDS_AT = 30;
const CRC_AT = UNCHECKED_RECORD_BYTES;

/**
 * Scratch buffer for checksums: a view of part of the record would cost more than the checksum
 * itself.
 */
const HEAD = Buffer.alloc(UNCHECKED_RECORD_BYTES);

export interface TopicRecord {
  /** The prefix of its records' keys. */
  readonly number: number;
  readonly epoch: Epoch;
  readonly messages: Mark;
  readonly ids: Mark;
}

/** @param name the topic's name as its key in the store */
export function encodeTopicRecord(
  name: Uint8Array,
  { number, epoch, messages, ids }: TopicRecord,
): Buffer {
  writeUint32(HEAD, 0, number);
  HEAD.write(epoch, EPOCH_AT, "hex");
  writeMark(HEAD, MESSAGES_AT, messages);
  writeMark(HEAD, IDS_AT, ids);
  const bytes = Buffer.allocUnsafe(RECORD_BYTES);
  bytes.set(HEAD);
  writeUint32(bytes, CRC_AT, crc32(HEAD, crc32(name)));
  return bytes;
}

/** @returns undefined if the record is damaged */
export function decodeTopicRecord(name: Uint8Array, bytes: Uint8Array): TopicRecord | undefined {
  if (bytes.length === RECORD_BYTES) {
    if (readUint32(bytes, CRC_AT) !== crcOf(name, bytes)) return undefined;
  } else if (bytes.length !== UNCHECKED_RECORD_BYTES) return undefined;
  return {
    number: readUint32(bytes, 0),
    epoch: epochFromBytes(bytes, EPOCH_AT),
    messages: readMark(bytes, MESSAGES_AT),
    ids: readMark(bytes, IDS_AT),
  };
}

function crcOf(name: Uint8Array, bytes: Uint8Array): number {
  return crc32(bytes.subarray(0, CRC_AT), crc32(name));
}

function writeMark(bytes: Uint8Array, at: number, { offset, sum, time }: Mark): void {
  writeUint48(bytes, at, offset);
  writeUint48(bytes, at + 6, sum);
  writeUint48(bytes, at + 12, time);
}

function readMark(bytes: Uint8Array, at: number): Mark {
  return {
    offset: readUint48(bytes, at),
    sum: readUint48(bytes, at + 6),
    time: readUint48(bytes, at + 12),
  };
}
