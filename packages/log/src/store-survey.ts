// Checks every topic of a store, and the records without a topic. A record under the wrong number
// may have been the last of its own topic, which then seems to end earlier than it did.
import { isChecked, isWhole, seekKey } from "./record-key.ts";
import type { RecordSource } from "./store.ts";
import { decodeName } from "./topic-name.ts";
import { decodeTopicRecord, type TopicRecord } from "./topic-record.ts";
import {
  LOST_NUMBER,
  lostTopic,
  recordsBetween,
  strayOf,
  surveyTopic,
  wholeBatchOf,
  type FoundRecord,
  type Stray,
  type Survey,
} from "./topic-survey.ts";

const FIRST_KEY = Buffer.alloc(1);
/** Sorts after all records. */
const LAST_KEY = Buffer.alloc(10, 0xff);
const LOST_END = "what its last messages were, nobody knows";

/** What a store holds, as far as it is readable. */
export interface StoreSurvey {
  readonly topics: readonly Survey[];
  /** Undamaged messages of no known topic: its record and its name are lost, or it began again. */
  readonly orphans: number;
}

export function surveyStore(store: RecordSource): StoreSurvey {
  const { records, numbers: found } = topicsOf(store);
  const surveys = Array.from(records, ([topic, record]) => {
    return record === undefined
      ? lostTopic(store, topic, found.get(topic))
      : surveyTopic(store, topic, record);
  });
  const numbers = new Set(surveys.map(({ record }) => record.number));
  const { strays: unowned, orphans } = recordsOutside(store, numbers);
  // They may belong to a topic whose own record is damaged; if no such record exists, to any topic.
  const isAnyones = !numbers.has(LOST_NUMBER) && unowned.some((one) => !isOf(one, numbers));
  const strays = new StrayEnds([...surveys.flatMap((survey) => survey.strays), ...unowned]);
  const topics = surveys.map((survey) => {
    if (!survey.isEndKnown || !(isAnyones || strays.has(survey))) return survey;
    return { ...survey, isEndKnown: false, faults: [...survey.faults, LOST_END] };
  });
  return { topics, orphans };
}

/**
 * The record of each topic, undefined if it is damaged or missing, and for those the number under
 * which the table of names has the topic.
 */
function topicsOf(store: RecordSource): {
  readonly records: ReadonlyMap<string, TopicRecord | undefined>;
  readonly numbers: ReadonlyMap<string, number>;
} {
  const records = new Map<string, TopicRecord | undefined>();
  const taken = new Set<number>();
  for (const { key, value } of store.from("topics", FIRST_KEY)) {
    const record = decodeTopicRecord(key, value);
    records.set(key.toString("utf8"), record);
    if (record !== undefined) taken.add(record.number);
  }
  const numbers = new Map<string, number>();
  for (const { key, value } of store.from("names", FIRST_KEY)) {
    const entry = decodeName(key, value);
    // A topic whose record was damaged earlier may have begun again under another number.
    if (entry === undefined || records.get(entry.name) !== undefined) continue;
    if (taken.has(entry.number)) continue;
    records.set(entry.name, undefined);
    numbers.set(entry.name, entry.number);
  }
  return { records, numbers };
}

/** Records that may have been the last of a topic, by topic number and first offset. */
class StrayEnds {
  readonly #places = new Set<string>();

  constructor(strays: readonly Stray[]) {
    for (const { number = ANY, first } of strays) this.#places.add(`${number} ${first}`);
  }

  has({ record, end }: Survey): boolean {
    const first = end.offset + 1;
    return this.#places.has(`${record.number} ${first}`) || this.#places.has(`${ANY} ${first}`);
  }
}

/** Stands for the topic number of a record without a checksum. */
const ANY = -1;

function isOf({ number }: Stray, numbers: ReadonlySet<number>): boolean {
  return number !== undefined && numbers.has(number);
}

interface RecordsOutside {
  readonly strays: Stray[];
  orphans: number;
}

/** Records under numbers that no topic has. */
function recordsOutside(store: RecordSource, numbers: ReadonlySet<number>): RecordsOutside {
  const found: RecordsOutside = { strays: [], orphans: 0 };
  let from: Buffer = FIRST_KEY;
  for (const number of [...numbers].sort((one, other) => one - other)) {
    addRecords(store, found, from, seekKey(number, 0));
    from = seekKey(number + 1, 0);
  }
  addRecords(store, found, from, LAST_KEY);
  return found;
}

function addRecords(store: RecordSource, found: RecordsOutside, start: Buffer, end: Buffer): void {
  if (Buffer.compare(start, end) >= 0) return;
  try {
    for (const stored of recordsBetween(store, "messages", start, end)) {
      // Intact under its own number: it belongs to a topic that is not in the list.
      if (isChecked(stored.rawKey) && isWhole(stored.rawKey, stored.value)) {
        found.orphans += countOf(stored);
      } else found.strays.push(strayOf(stored) ?? { number: undefined, first: 0 });
    }
  } catch {
    // Code that reads the pages reports unreadable pages.
  }
}

function countOf(stored: FoundRecord): number {
  const batch = wholeBatchOf(stored);
  return batch === undefined ? 0 : batch.last - batch.first + 1;
}
