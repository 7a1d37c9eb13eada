// What the store keeps of itself: the number that the next topic gets, and how many bytes of messages it has.
import { readUint32, readUint48, writeUint32, writeUint48 } from "@shardcast/protocol";
import type { Store } from "./store.ts";

const KEY = Buffer.from("log");
const STATE_BYTES = 10;

export interface StoreState {
  readonly nextNumber: number;
  readonly bytes: number;
}

export function readState(store: Store): StoreState {
  const value = store.get("state", KEY);
  if (value === undefined) return { nextNumber: 1, bytes: 0 };
  return { nextNumber: readUint32(value, 0), bytes: readUint48(value, 4) };
}

export function putState(store: Store, { nextNumber, bytes }: StoreState): void {
  const value = Buffer.alloc(STATE_BYTES);
  writeUint32(value, 0, nextNumber);
  writeUint48(value, 4, bytes);
  store.put("state", KEY, value);
}
