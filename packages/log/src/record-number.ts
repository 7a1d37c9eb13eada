// Recovers the topic number of a record whose key has the wrong one: exactly one number matches the
// checksum. A CRC-32 can be reversed byte by byte, from its result back to the bytes of the number.
import { crc32 } from "node:zlib";
import { readUint32 } from "@shardcast/protocol";
import { CRC_AT, isChecked } from "./record-key.ts";

const POLYNOMIAL = 0xedb8_8320;
const NUMBER_BYTES = 4;
const TABLE = Uint32Array.from({ length: 256 }, (_, index) => stepsOf(index));
/** The index of the table entry by its highest byte, which is unique. */
const BY_HIGHEST = Uint8Array.from({ length: 256 });
TABLE.forEach((entry, index) => (BY_HIGHEST[entry >>> 24] = index));

/** @returns undefined if the key has no checksum */
export function numberOf(key: Uint8Array, value: Uint8Array): number | undefined {
  if (!isChecked(key)) return undefined;
  const start = ~crc32(value);
  let state = ~readUint32(key, CRC_AT);
  for (let at = CRC_AT - 1; at >= 0; at -= 1) {
    state = stepBack(state, at < NUMBER_BYTES ? 0 : (key[at] ?? 0));
  }
  // The remaining difference is the number itself, lowest byte first.
  const bytes = Buffer.alloc(NUMBER_BYTES);
  bytes.writeInt32LE(state ^ start);
  return readUint32(bytes, 0);
}

function stepBack(state: number, byte: number): number {
  const index = BY_HIGHEST[state >>> 24] ?? 0;
  return ((state ^ (TABLE[index] ?? 0)) << 8) | (index ^ byte);
}

function stepsOf(byte: number): number {
  let state = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    state = (state & 1) === 1 ? (state >>> 1) ^ POLYNOMIAL : state >>> 1;
  }
  return state;
}
