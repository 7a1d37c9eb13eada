// Looks at every record of a store, and copies what is whole into a new one. For a store that a node refuses,
// or that nobody is sure of. docs/operations.md#repair
import { NO_EPOCH, type Epoch } from "@shardcast/protocol";
import type { Batch } from "./batch.ts";
import { createEpoch } from "./epoch.ts";
import { storedEntries, textOfEntry } from "./lmdb-state.ts";
import { tellsItsEnd, wholeBatch } from "./message-record.ts";
import { decodeKey, isWhole, seekKey, type RecordKey } from "./record-key.ts";
import type { Mark } from "./series.ts";
import { putState } from "./store-state.ts";
import type { RecordSource, Store } from "./store.ts";
import { decodeTopicRecord, encodeTopicRecord, type TopicRecord } from "./topic-record.ts";

/** Records that are written at once. */
const CHUNK = 256;
const FIRST_KEY = Buffer.alloc(1);
/** No topic has it. */
const LOST_NUMBER = 0;

export interface StoreReport {
  /** How many. */
  readonly topics: number;
  readonly messages: number;
  readonly bytes: number;
  /** Messages between others that are not there. */
  readonly missing: number;
  /** What is wrong, in words; empty where all is well. */
  readonly faults: readonly string[];
}

/** One topic, as far as it can be read. */
interface Survey {
  readonly topic: string;
  readonly record: TopicRecord;
  /** Before its first message. */
  readonly floor: Mark;
  readonly end: Mark;
  readonly messages: number;
  readonly bytes: number;
  readonly missing: number;
  /** False where the end could not be reached: what comes after it is unknown. */
  readonly isEndKnown: boolean;
  readonly faults: readonly string[];
}

interface FoundRecord {
  readonly rawKey: Buffer;
  readonly key: RecordKey;
  readonly value: Buffer;
}

/** What others keep in the store, as far as it can be read. */
interface StateSurvey {
  readonly last: Buffer | undefined;
  readonly faults: readonly string[];
}

export function checkStore(store: RecordSource): StoreReport {
  return reportOf(surveyAll(store), surveyState(store));
}

/**
 * Copies into an empty store whatever is whole. Readers are told of what lies between and is lost.
 * A topic whose end is lost gets a new epoch, since offsets may be given a second time; `isAnew` gives one to
 * all, for a copy that is older than what clients have seen. The state is copied as far as it can be read.
 * @throws SHARDCAST_LOG_UNAVAILABLE
 */
export async function repairStore(
  from: RecordSource,
  to: Store,
  { isAnew = false } = {},
): Promise<StoreReport> {
  const surveys = surveyAll(from);
  let nextNumber = 1;
  for (const survey of surveys) {
    if (survey.record.number === LOST_NUMBER) continue;
    nextNumber = Math.max(nextNumber, survey.record.number + 1);
    const { epoch } = survey.record;
    const isKept = survey.isEndKnown && !isAnew;
    await copyTopic(survey, isKept ? epoch : createEpoch(), { from, to });
  }
  const state = surveyState(from);
  await copyState(state, { from, to });
  const report = reportOf(surveys, state);
  // What a topic weighs is told by its sums, and those count what is missing as well.
  const weight = surveys.reduce((total, { floor, end }) => total + end.sum - floor.sum, 0);
  putState(to, { nextNumber, bytes: weight });
  await to.commit();
  return report;
}

function reportOf(surveys: readonly Survey[], state: StateSurvey): StoreReport {
  const sum = (value: (survey: Survey) => number): number =>
    surveys.reduce((total, survey) => total + value(survey), 0);
  return {
    topics: surveys.length,
    messages: sum(({ messages }) => messages),
    bytes: sum(({ bytes }) => bytes),
    missing: sum(({ missing }) => missing),
    faults: [
      ...surveys.flatMap(({ topic, faults }) => faults.map((fault) => `${topic}: ${fault}`)),
      ...state.faults,
    ],
  };
}

function surveyAll(store: RecordSource): Survey[] {
  const surveys: Survey[] = [];
  for (const { key, value } of store.from("topics", FIRST_KEY)) {
    const record = decodeTopicRecord(key, value);
    const topic = key.toString("utf8");
    surveys.push(record === undefined ? lostTopic(topic) : survey(store, topic, record));
  }
  return surveys;
}

/** One whose record is damaged: which messages are its own, nobody knows. */
function lostTopic(topic: string): Survey {
  const nowhere = { offset: 0, time: 0, sum: 0 };
  const record = { number: LOST_NUMBER, epoch: NO_EPOCH, messages: nowhere, ids: nowhere };
  const faults = ["its own record is damaged"];
  const nothing = { messages: 0, bytes: 0, missing: 0 };
  return { topic, record, floor: nowhere, end: nowhere, ...nothing, isEndKnown: false, faults };
}

function survey(store: RecordSource, topic: string, record: TopicRecord): Survey {
  const faults: string[] = [];
  let floor: Mark | undefined;
  let end = record.messages;
  let [messages, bytes, missing] = [0, 0, 0];
  let isEndKnown = true;
  try {
    for (const stored of recordsOf(store, "messages", record, end)) {
      const { key, value } = stored;
      const batch = wholeBatchOf(stored);
      if (batch === undefined || batch.first <= end.offset) {
        faults.push(faultOf(stored, batch, end));
        // Where a record ends that is not to be believed is told by the one that follows.
        isEndKnown = tellsItsEnd(stored);
        continue;
      }
      const before = { ...key, offset: batch.first - 1, sum: key.sum - value.length };
      if (floor === undefined) {
        floor = batch.first === end.offset + 1 ? end : before;
      } else if (batch.first === end.offset + 1 && before.sum !== end.sum) {
        faults.push(`the sum at ${key.last} is wrong`);
      }
      missing += before.offset - end.offset;
      messages += key.last - before.offset;
      bytes += value.length;
      end = { offset: key.last, time: key.time, sum: key.sum };
      isEndKnown = true;
    }
  } catch (error) {
    isEndKnown = false;
    faults.push(`nothing can be read after ${end.offset}: ${String(error)}`);
  }
  const counts = { messages, bytes, missing };
  return { topic, record, floor: floor ?? end, end, ...counts, isEndKnown, faults };
}

function wholeBatchOf({ rawKey, key, value }: FoundRecord): Batch | undefined {
  return wholeBatch({ key, value, isWhole: isWhole(rawKey, value) }, 0);
}

function faultOf({ rawKey, key, value }: FoundRecord, batch: Batch | undefined, end: Mark): string {
  const where = `${end.offset + 1} to ${key.last}`;
  if (batch !== undefined || isWhole(rawKey, value)) return `${where} are not where they were`;
  return `${where}: the checksum is wrong`;
}

function* recordsOf(
  store: RecordSource,
  table: "messages" | "ids",
  { number }: TopicRecord,
  after: Mark,
): Generator<FoundRecord> {
  const start = seekKey(number, after.offset + 1);
  for (const { key, value } of store.range(table, start, seekKey(number + 1, 0))) {
    yield { rawKey: key, key: decodeKey(key), value };
  }
}

async function copyTopic(
  { topic, record, floor, end }: Survey,
  epoch: Epoch,
  { from, to }: { readonly from: RecordSource; readonly to: Store },
): Promise<void> {
  let count = 0;
  const copy = async (table: "messages" | "ids", { rawKey, value }: FoundRecord): Promise<void> => {
    to.put(table, rawKey, value);
    count += 1;
    if (count % CHUNK === 0) await to.commit();
  };
  const name = Buffer.from(topic);
  to.put("topics", name, encodeTopicRecord(name, { ...record, epoch, messages: floor }));
  let last = floor.offset;
  for (const stored of recordsOf(from, "messages", record, floor)) {
    if (stored.key.last > end.offset) break;
    const batch = wholeBatchOf(stored);
    if (batch === undefined || batch.first <= last) continue;
    last = batch.last;
    await copy("messages", stored);
  }
  for (const stored of recordsOf(from, "ids", record, record.ids)) {
    if (stored.key.last > end.offset) break;
    if (isWhole(stored.rawKey, stored.value)) await copy("ids", stored);
  }
  await to.commit();
}

function surveyState(store: RecordSource): StateSurvey {
  const faults: string[] = [];
  let last: Buffer | undefined;
  try {
    for (const { key, value } of storedEntries(store)) {
      last = key;
      if (textOfEntry(key, value) === undefined) faults.push(`${nameOfState(key)} is damaged`);
    }
  } catch (error) {
    const where = last === undefined ? "" : ` after ${last.toString("utf8")}`;
    faults.push(`nothing of the state can be read${where}: ${String(error)}`);
  }
  return { last, faults };
}

function nameOfState(key: Buffer): string {
  return `the state ${key.toString("utf8", 1)}`;
}

async function copyState(
  { last }: StateSurvey,
  { from, to }: { readonly from: RecordSource; readonly to: Store },
): Promise<void> {
  if (last === undefined) return;
  let count = 0;
  for (const { key, value } of storedEntries(from)) {
    if (textOfEntry(key, value) !== undefined) to.put("state", key, value);
    count += 1;
    if (count % CHUNK === 0) await to.commit();
    if (key.equals(last)) break;
  }
  await to.commit();
}
