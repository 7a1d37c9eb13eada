// Decodes a stored record of messages, and tells whether a damaged one still has its offsets.
import { Batch } from "./batch.ts";
import type { RecordKey } from "./record-key.ts";
import type { StoredRecord } from "./series.ts";

/** The messages of a record; undefined if they are damaged. */
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

/**
 * Whether a damaged record still has its last offset: the offsets of its frames agree with its key.
 */
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
