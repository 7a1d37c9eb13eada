// The key of a record: which topic, up to which offset, when, how much the topic has had by then, and a checksum.
// Records of a topic lie in the order of their offsets, and all but the messages themselves can be told
// from keys: how many bytes a topic has, where a time is, what is too old.
//
//   0        4         10      16      22      26
//   +--------+---------+-------+-------+-------+
//   | number | last    | time  | sum   | crc   |
//   +--------+---------+-------+-------+-------+
//
// The checksum is the CRC-32 of the value and then of the key before it. In the key it costs no copy of the
// value. Version 1 of the folder had none: those keys end at 22.
import { crc32 } from "node:zlib";
import { readUint32, readUint48, writeUint32, writeUint48 } from "@shardcast/protocol";

const UNCHECKED_KEY_BYTES = 22;
const KEY_BYTES = 26;
const LAST_AT = 4;
const TIME_AT = 10;
const SUM_AT = 16;
export const CRC_AT = UNCHECKED_KEY_BYTES;
/** A key that only says where to look is shorter than any record's. */
const SEEK_BYTES = 10;

/** For what a checksum is made of: a view of a part of the key would cost more than the checksum. */
const HEAD = Buffer.alloc(UNCHECKED_KEY_BYTES);

/** Where a record stands in its topic. */
export interface RecordKey {
  /** The offset of its last message. */
  readonly last: number;
  /** When it was stored, in ms since 1970. */
  readonly time: number;
  /** What the topic's records have weighed up to and with this one, since the topic began. */
  readonly sum: number;
}

/** @param valueCrc the CRC-32 of the record's value */
export function encodeKey(
  number: number,
  { last, time, sum }: RecordKey,
  valueCrc: number,
): Buffer {
  writeUint32(HEAD, 0, number);
  writeUint48(HEAD, LAST_AT, last);
  writeUint48(HEAD, TIME_AT, time);
  writeUint48(HEAD, SUM_AT, sum);
  const key = Buffer.allocUnsafe(KEY_BYTES);
  key.set(HEAD);
  writeUint32(key, CRC_AT, crc32(HEAD, valueCrc));
  return key;
}

/** What a key says, be it true or not. */
export function decodeKey(key: Uint8Array): RecordKey {
  return {
    last: readUint48(key, LAST_AT),
    time: readUint48(key, TIME_AT),
    sum: readUint48(key, SUM_AT),
  };
}

/** Whether it has the length of a key with a checksum. */
export function isChecked(key: Uint8Array): boolean {
  return key.length === KEY_BYTES;
}

/** Whether a record is as it was stored, as far as can be told: one of version 1 has no checksum. */
export function isWhole(key: Uint8Array, value: Uint8Array): boolean {
  if (key.length === UNCHECKED_KEY_BYTES) return true;
  if (key.length !== KEY_BYTES) return false;
  return readUint32(key, CRC_AT) === crc32(key.subarray(0, CRC_AT), crc32(value));
}

/** Before the first record of a topic that ends at an offset or after it. */
export function seekKey(number: number, offset: number): Buffer {
  const key = Buffer.allocUnsafe(SEEK_BYTES);
  writeUint32(key, 0, number);
  writeUint48(key, LAST_AT, offset);
  return key;
}
