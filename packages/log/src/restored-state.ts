// Rebuilds the store's own state from all its records, if the stored state is damaged. It must not
// give out a topic number that is in use, since the new topic would then have another topic's
// messages.
import { readUint32 } from "@shardcast/protocol";
import { isWhole } from "./record-key.ts";
import { Series } from "./series.ts";
import type { StoreState } from "./store-state.ts";
import type { Store } from "./store.ts";
import { decodeName } from "./topic-name.ts";
import { decodeTopicRecord } from "./topic-record.ts";

const FIRST_KEY = Buffer.alloc(1);
const LAST_KEY = Buffer.alloc(4, 0xff);

export function restoredState(store: Store): StoreState {
  let nextNumber = 1;
  let bytes = 0;
  for (const { key, value } of store.from("topics", FIRST_KEY)) {
    const record = decodeTopicRecord(key, value);
    if (record === undefined) continue;
    const { number, messages: floor } = record;
    nextNumber = Math.max(nextNumber, number + 1);
    bytes += new Series(store, { table: "messages", number, floor }).weight;
  }
  // Also counts the numbers of topics whose record is damaged, and of forgotten topics with records
  // left.
  for (const { key, value } of store.backwards("names", FIRST_KEY, LAST_KEY)) {
    const entry = decodeName(key, value);
    if (entry === undefined) continue;
    nextNumber = Math.max(nextNumber, entry.number + 1);
    break;
  }
  for (const table of ["messages", "ids"] as const) {
    for (const { key, value } of store.backwards(table, FIRST_KEY, LAST_KEY)) {
      if (!isWhole(key, value)) continue;
      nextNumber = Math.max(nextNumber, readUint32(key, 0) + 1);
      break;
    }
  }
  return { nextNumber, bytes };
}
