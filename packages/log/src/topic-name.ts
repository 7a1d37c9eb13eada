// The second copy of a topic's name, stored under the topic's number. Messages are stored under
// that number too, so a repair can tell whose they are if the topic's own record is lost.
//
//   key: number (u32)      value: name | CRC-32 of the key, then of the name (u32)
//
// Written with a topic's first messages, removed when the topic is forgotten. Topics that a version
// without this table created have no entry.
import { crc32 } from "node:zlib";
import { readUint32, writeUint32 } from "@shardcast/protocol";

const NUMBER_BYTES = 4;
const CRC_BYTES = 4;

/** @param number a topic's number */
export function nameKey(number: number): Buffer {
  const key = Buffer.allocUnsafe(NUMBER_BYTES);
  writeUint32(key, 0, number);
  return key;
}

/** @param name the topic's name as its key in the store */
export function encodeName(key: Uint8Array, name: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(name.length + CRC_BYTES);
  value.set(name);
  writeUint32(value, name.length, crc32(name, crc32(key)));
  return value;
}

/** The topic's name and number; undefined if the entry is damaged. */
export function decodeName(
  key: Uint8Array,
  value: Uint8Array,
): { readonly number: number; readonly name: string } | undefined {
  const end = value.length - CRC_BYTES;
  if (key.length !== NUMBER_BYTES || end <= 0) return undefined;
  const name = Buffer.from(value.buffer, value.byteOffset, end);
  if (readUint32(value, end) !== crc32(name, crc32(key))) return undefined;
  return { number: readUint32(key, 0), name: name.toString("utf8") };
}
