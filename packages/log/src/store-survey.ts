// Checks every topic of a store, and the records without a topic. A record under the wrong number
// may have been the last of its own topic, which then seems to end earlier than it did.
import { isChecked, isWhole, seekKey } from "./record-key.ts";
import type { RecordSource } from "./store.ts";
import { decodeTopicRecord } from "./topic-record.ts";
import {
  LOST_NUMBER,
  lostTopic,
  recordsBetween,
  strayOf,
  surveyTopic,
  type Stray,
  type Survey,
} from "./topic-survey.ts";

const FIRST_KEY = Buffer.alloc(1);
/** Sorts after all records. */
const LAST_KEY = Buffer.alloc(10, 0xff);
const LOST_END = "what its last messages were, nobody knows";

export function surveyTopics(store: RecordSource): Survey[] {
  const surveys: Survey[] = [];
  for (const { key, value } of store.from("topics", FIRST_KEY)) {
    const record = decodeTopicRecord(key, value);
    const topic = key.toString("utf8");
    surveys.push(record === undefined ? lostTopic(topic) : surveyTopic(store, topic, record));
  }
  const numbers = new Set(surveys.map(({ record }) => record.number));
  const unowned = straysOutside(store, numbers);
  // They may belong to a topic whose own record is damaged; if no such record exists, to any topic.
  const isAnyones = !numbers.has(LOST_NUMBER) && unowned.some((one) => !isOf(one, numbers));
  const strays = new StrayEnds([...surveys.flatMap((survey) => survey.strays), ...unowned]);
  return surveys.map((survey) => {
    if (!survey.isEndKnown || !(isAnyones || strays.has(survey))) return survey;
    return { ...survey, isEndKnown: false, faults: [...survey.faults, LOST_END] };
  });
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

/** Damaged records under numbers that no topic has. */
function straysOutside(store: RecordSource, numbers: ReadonlySet<number>): Stray[] {
  const strays: Stray[] = [];
  let from: Buffer = FIRST_KEY;
  for (const number of [...numbers].sort((one, other) => one - other)) {
    addStrays(store, strays, from, seekKey(number, 0));
    from = seekKey(number + 1, 0);
  }
  addStrays(store, strays, from, LAST_KEY);
  return strays;
}

function addStrays(store: RecordSource, strays: Stray[], start: Buffer, end: Buffer): void {
  if (Buffer.compare(start, end) >= 0) return;
  try {
    for (const stored of recordsBetween(store, "messages", start, end)) {
      // Intact under its own number: it belongs to a topic that is not in the list.
      if (isChecked(stored.rawKey) && isWhole(stored.rawKey, stored.value)) continue;
      strays.push(strayOf(stored) ?? { number: undefined, first: 0 });
    }
  } catch {
    // Code that reads the pages reports unreadable pages.
  }
}
