// What the store keeps of a topic beside its records: its number there, its epoch, and how much was dropped.
//
//   0        4       12         18       24        30        36        42          48
//   +--------+-------+----------+--------+---------+---------+---------+-----------+
//   | number | epoch | messages floor    | time    | ids floor         | ids time  |
//   |        |       | offset   | sum    |         | offset  | sum     |           |
//   +--------+-------+----------+--------+---------+---------+---------+-----------+
import {
  epochFromBytes,
  epochToBytes,
  readUint32,
  readUint48,
  writeUint32,
  writeUint48,
  type Epoch,
} from "@shardcast/protocol";
import type { Mark } from "./series.ts";

const RECORD_BYTES = 48;
const EPOCH_AT = 4;
const MESSAGES_AT = 12;
const IDS_AT = 30;

export interface TopicRecord {
  /** What its records' keys begin with. */
  readonly number: number;
  readonly epoch: Epoch;
  readonly messages: Mark;
  readonly ids: Mark;
}

export function encodeTopicRecord({ number, epoch, messages, ids }: TopicRecord): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  writeUint32(bytes, 0, number);
  bytes.set(epochToBytes(epoch), EPOCH_AT);
  writeMark(bytes, MESSAGES_AT, messages);
  writeMark(bytes, IDS_AT, ids);
  return bytes;
}

/** @returns undefined where it is no such record */
export function decodeTopicRecord(bytes: Uint8Array): TopicRecord | undefined {
  if (bytes.length !== RECORD_BYTES) return undefined;
  return {
    number: readUint32(bytes, 0),
    epoch: epochFromBytes(bytes, EPOCH_AT),
    messages: readMark(bytes, MESSAGES_AT),
    ids: readMark(bytes, IDS_AT),
  };
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
