// The secret of birth-epochs in the store: its bytes, the half day, and a checksum of both
// (CRC-32). A damaged secret is treated as missing.
import { crc32 } from "node:zlib";
import { readUint32, writeUint32 } from "@shardcast/protocol";
import type { BirthSecret } from "./birth-epochs.ts";
import type { Store } from "./store.ts";

const KEY = Buffer.from("births");
const PERIOD_AT = 16;
const CRC_AT = 20;
const VALUE_BYTES = 24;

export function readSecret(store: Store): BirthSecret | undefined {
  const value = store.get("state", KEY);
  if (value?.length !== VALUE_BYTES) return undefined;
  if (readUint32(value, CRC_AT) !== crc32(value.subarray(0, CRC_AT))) return undefined;
  return {
    bytes: Buffer.from(value.subarray(0, PERIOD_AT)),
    period: readUint32(value, PERIOD_AT),
  };
}

export function putSecret(store: Store, { bytes, period }: BirthSecret): void {
  const value = Buffer.alloc(VALUE_BYTES);
  value.set(bytes);
  writeUint32(value, PERIOD_AT, period);
  writeUint32(value, CRC_AT, crc32(value.subarray(0, CRC_AT)));
  store.put("state", KEY, value);
}
