// The key of a record: which topic, up to which offset, when, and how much the topic has had by then.
// Records of a topic lie in the order of their offsets, and all but the messages themselves can be told
// from keys: how many bytes a topic has, where a time is, what is too old.
//
//   0        4         10      16      22
//   +--------+---------+-------+-------+
//   | number | last    | time  | sum   |
//   +--------+---------+-------+-------+
import { readUint48, writeUint32, writeUint48 } from "@shardcast/protocol";

const KEY_BYTES = 22;
const LAST_AT = 4;
const TIME_AT = 10;
const SUM_AT = 16;
/** A key that only says where to look is shorter than any record's. */
const SEEK_BYTES = 10;

/** Where a record stands in its topic. */
export interface RecordKey {
  /** The offset of its last message. */
  readonly last: number;
  /** When it was stored, in ms since 1970. */
  readonly time: number;
  /** What the topic's records have weighed up to and with this one, since the topic began. */
  readonly sum: number;
}

export function encodeKey(number: number, { last, time, sum }: RecordKey): Buffer {
  const key = Buffer.allocUnsafe(KEY_BYTES);
  writeUint32(key, 0, number);
  writeUint48(key, LAST_AT, last);
  writeUint48(key, TIME_AT, time);
  writeUint48(key, SUM_AT, sum);
  return key;
}

export function decodeKey(key: Uint8Array): RecordKey {
  return {
    last: readUint48(key, LAST_AT),
    time: readUint48(key, TIME_AT),
    sum: readUint48(key, SUM_AT),
  };
}

/** Before the first record of a topic that ends at an offset or after it. */
export function seekKey(number: number, offset: number): Buffer {
  const key = Buffer.allocUnsafe(SEEK_BYTES);
  writeUint32(key, 0, number);
  writeUint48(key, LAST_AT, offset);
  return key;
}
