// The store's own state: the number for the next topic, the total bytes of messages, and a checksum
// of the two (CRC-32). Version 1 of the folder had no checksum.
import { crc32 } from "node:zlib";
import { readUint32, readUint48, writeUint32, writeUint48 } from "@shardcast/protocol";
import type { Store } from "./store.ts";

const KEY = Buffer.from("log");
const UNCHECKED_STATE_BYTES = 10;
const STATE_BYTES = 14;
const BYTES_AT = 4;
const CRC_AT = UNCHECKED_STATE_BYTES;

export interface StoreState {
  readonly nextNumber: number;
  readonly bytes: number;
}

/** Undefined if it is damaged. */
export function readState(store: Store): StoreState | undefined {
  const value = store.get("state", KEY);
  if (value === undefined) return { nextNumber: 1, bytes: 0 };
  if (value.length === STATE_BYTES) {
    if (readUint32(value, CRC_AT) !== crcOf(value)) return undefined;
  } else if (value.length !== UNCHECKED_STATE_BYTES) return undefined;
  return { nextNumber: readUint32(value, 0), bytes: readUint48(value, BYTES_AT) };
}

export function putState(store: Store, { nextNumber, bytes }: StoreState): void {
  const value = Buffer.alloc(STATE_BYTES);
  writeUint32(value, 0, nextNumber);
  writeUint48(value, BYTES_AT, bytes);
  writeUint32(value, CRC_AT, crcOf(value));
  store.put("state", KEY, value);
}

function crcOf(value: Uint8Array): number {
  return crc32(value.subarray(0, CRC_AT));
}
