// The key of a record: its topic, its last offset, its time, the running total of the topic's size,
// and a checksum. Records of a topic sort by offset. Keys alone are enough to compute a topic's
// size, to find a time and to find what is too old; no message is read for these.
//
//   0        4         10      16      22      26
//   +--------+---------+-------+-------+-------+
//   | number | last    | time  | sum   | crc   |
//   +--------+---------+-------+-------+-------+
//
// The checksum is the CRC-32 of the value, then of the key before the checksum. It is in the key to
// avoid copying the value. Version 1 of the folder had no checksum: those keys end at 22.
import { crc32 } from "node:zlib";
import { readUint32, readUint48, writeUint32, writeUint48 } from "@shardcast/protocol";

const UNCHECKED_KEY_BYTES = 22;
const KEY_BYTES = 26;
const LAST_AT = 4;
const TIME_AT = 10;
const SUM_AT = 16;
export const CRC_AT = UNCHECKED_KEY_BYTES;
/** A key used only for a search is shorter than the key of any record. */
const SEEK_BYTES = 10;

/**
 * Scratch buffer for checksums: a view of part of the key would cost more than the checksum itself.
 */
const HEAD = Buffer.alloc(UNCHECKED_KEY_BYTES);

/** A record's place in its topic. */
export interface RecordKey {
  /** The offset of its last message. */
  readonly last: number;
  /** When it was stored, in ms since 1970. */
  readonly time: number;
  /** The total size of the topic's records up to and including this one, since the topic began. */
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

/** Decodes a key without checking it. */
export function decodeKey(key: Uint8Array): RecordKey {
  return {
    last: readUint48(key, LAST_AT),
    time: readUint48(key, TIME_AT),
    sum: readUint48(key, SUM_AT),
  };
}

/** Whether a key has the length of a key with a checksum. */
export function isChecked(key: Uint8Array): boolean {
  return key.length === KEY_BYTES;
}

/** Whether a record's checksum matches. A record of version 1 has none, and counts as intact. */
export function isWhole(key: Uint8Array, value: Uint8Array): boolean {
  if (key.length === UNCHECKED_KEY_BYTES) return true;
  if (key.length !== KEY_BYTES) return false;
  return readUint32(key, CRC_AT) === crc32(key.subarray(0, CRC_AT), crc32(value));
}

/** A search key before the first record of a topic whose last offset is `offset` or greater. */
export function seekKey(number: number, offset: number): Buffer {
  const key = Buffer.allocUnsafe(SEEK_BYTES);
  writeUint32(key, 0, number);
  writeUint48(key, LAST_AT, offset);
  return key;
}
