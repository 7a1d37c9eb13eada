// A stored record of messages: whether they are what was stored, and what its offsets still tell where not.
import { Batch } from "./batch.ts";
import type { RecordKey } from "./record-key.ts";
import type { StoredRecord } from "./series.ts";

/** The messages of a record; undefined where they are not what was stored. */
export function wholeBatch(
  { key, value, isWhole }: StoredRecord,
  topicId: number,
): Batch | undefined {
  if (!isWhole) return undefined;
  try {
    const batch = Batch.fromFrames(value, topicId);
    return batch?.last === key.last ? batch : undefined;
  } catch {
    return undefined;
  }
}

/** A record whose messages are damaged may still have their offsets, and those of its key. */
export function tellsItsEnd({
  key,
  value,
}: {
  readonly key: RecordKey;
  readonly value: Buffer;
}): boolean {
  try {
    return Batch.fromFrames(value, 0)?.last === key.last;
  } catch {
    return false;
  }
}
