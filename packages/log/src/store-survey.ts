// Looks at every topic of a store, and at the records that no topic has. A record that lies under another topic's
// number, or under none, may have been the last of its own topic, which then looks as if it ended before.
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
/** Behind all records. */
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
  // A topic whose own record is damaged has left them, or any other.
  const isAnyones = !numbers.has(LOST_NUMBER) && unowned.some((one) => !isOf(one, numbers));
  const strays = new StrayEnds([...surveys.flatMap((survey) => survey.strays), ...unowned]);
  return surveys.map((survey) => {
    if (!survey.isEndKnown || !(isAnyones || strays.has(survey))) return survey;
    return { ...survey, isEndKnown: false, faults: [...survey.faults, LOST_END] };
  });
}

/** Records that may have been the last of a topic: whose, and where their messages begin. */
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

/** Of a record without a checksum. */
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
      // Under its own number: of a topic that is not in the list.
      if (isChecked(stored.rawKey) && isWhole(stored.rawKey, stored.value)) continue;
      strays.push(strayOf(stored) ?? { number: undefined, first: 0 });
    }
  } catch {
    // What cannot be read of the pages themselves is told by those who read them.
  }
}
