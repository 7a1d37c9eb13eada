// Whose record it was, where a key has another number than it was stored with: of all numbers, one alone fits the
// checksum. A CRC-32 can be gone back through, byte by byte, from where it ended to where the number was.
import { crc32 } from "node:zlib";
import { readUint32 } from "@shardcast/protocol";
import { CRC_AT, isChecked } from "./record-key.ts";

const POLYNOMIAL = 0xedb8_8320;
const NUMBER_BYTES = 4;
const TABLE = Uint32Array.from({ length: 256 }, (_, index) => stepsOf(index));
/** Which entry of the table has these highest bits: each has others. */
const BY_HIGHEST = Uint8Array.from({ length: 256 });
TABLE.forEach((entry, index) => (BY_HIGHEST[entry >>> 24] = index));

/** @returns undefined where the key has no checksum */
export function numberOf(key: Uint8Array, value: Uint8Array): number | undefined {
  if (!isChecked(key)) return undefined;
  const start = ~crc32(value);
  let state = ~readUint32(key, CRC_AT);
  for (let at = CRC_AT - 1; at >= 0; at -= 1) {
    state = stepBack(state, at < NUMBER_BYTES ? 0 : (key[at] ?? 0));
  }
  // What is left is what the number's bytes have changed, the first byte lowest.
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
