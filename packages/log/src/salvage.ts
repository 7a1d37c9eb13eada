// Looks at every record of a store, and copies what is whole into a new one. For a store that a node refuses,
// or that nobody is sure of. docs/operations.md#repair
import { NO_EPOCH, ShardcastError, type Epoch } from "@shardcast/protocol";
import { Batch } from "./batch.ts";
import { createEpoch } from "./epoch.ts";
import { storedEntries, textOfEntry } from "./lmdb-state.ts";
import { tellsItsEnd, wholeBatch } from "./message-record.ts";
import { decodeKey, isWhole, seekKey, type RecordKey } from "./record-key.ts";
import type { Mark } from "./series.ts";
import { putState } from "./store-state.ts";
import type { Store } from "./store.ts";
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
  /** What is wrong, in words; empty where all is well. */
  readonly faults: readonly string[];
}

/** One topic, as far as it can be read. */
interface Survey {
  readonly topic: string;
  readonly record: TopicRecord;
  /** Everything after this is whole. */
  readonly floor: Mark;
  readonly end: Mark;
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

export function checkStore(store: Store): StoreReport {
  return reportOf(surveyAll(store), surveyState(store));
}

/**
 * Copies into an empty store whatever is whole and followed by nothing that is broken: offsets have no holes.
 * A topic whose end is lost gets a new epoch, since offsets may be given a second time; `isAnew` gives one to
 * all, for a copy that is older than what clients have seen. The state is copied as far as it can be read.
 * @throws SHARDCAST_LOG_UNAVAILABLE
 */
export async function repairStore(
  from: Store,
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
  putState(to, { nextNumber, bytes: report.bytes });
  await to.commit();
  return report;
}

function reportOf(surveys: readonly Survey[], state: StateSurvey): StoreReport {
  const sum = (value: (survey: Survey) => number): number =>
    surveys.reduce((total, survey) => total + value(survey), 0);
  return {
    topics: surveys.length,
    messages: sum(({ floor, end }) => end.offset - floor.offset),
    bytes: sum(({ floor, end }) => end.sum - floor.sum),
    faults: [
      ...surveys.flatMap(({ topic, faults }) => faults.map((fault) => `${topic}: ${fault}`)),
      ...state.faults,
    ],
  };
}

function surveyAll(store: Store): Survey[] {
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
  return { topic, record, floor: nowhere, end: nowhere, isEndKnown: false, faults };
}

function survey(store: Store, topic: string, record: TopicRecord): Survey {
  const faults: string[] = [];
  let floor = record.messages;
  let end = floor;
  let isEndKnown = true;
  try {
    for (const stored of recordsOf(store, "messages", record, floor)) {
      // Where a record ends that is not to be believed is told by the one that follows.
      const before = isEndKnown ? end : startOf(stored, end);
      const fault = faultOf(stored, before);
      if (!isEndKnown) floor = before;
      isEndKnown = fault === undefined || tellsItsEnd(stored);
      const { last, time, sum } = stored.key;
      if (isEndKnown) end = { offset: last, time, sum };
      if (fault === undefined) continue;
      faults.push(fault);
      floor = end;
    }
  } catch (error) {
    isEndKnown = false;
    faults.push(`nothing can be read after ${end.offset}: ${String(error)}`);
  }
  return { topic, record, floor, end, isEndKnown, faults };
}

/** Where a record says that it begins; where it does not, what comes before it. */
function startOf(stored: FoundRecord, before: Mark): Mark {
  const batch = wholeBatch({ ...stored, isWhole: isWhole(stored.rawKey, stored.value) }, 0);
  if (batch === undefined) return before;
  const { time, sum } = stored.key;
  return { offset: batch.first - 1, time, sum: sum - batch.bytes };
}

function faultOf({ rawKey, key, value }: FoundRecord, before: Mark): string | undefined {
  const first = before.offset + 1;
  if (!isWhole(rawKey, value)) return `${first} to ${key.last}: the checksum is wrong`;
  try {
    const batch = Batch.fromFrames(value, 0);
    if (batch?.first !== first || batch.last !== key.last) {
      return `${first} to ${key.last} are not where they were`;
    }
  } catch (error) {
    if (!(error instanceof ShardcastError)) throw error;
    return `${first} to ${key.last}: ${error.message}`;
  }
  return key.sum === before.sum + value.length ? undefined : `the sum at ${key.last} is wrong`;
}

function* recordsOf(
  store: Store,
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
  { from, to }: { readonly from: Store; readonly to: Store },
): Promise<void> {
  let count = 0;
  const copy = async (table: "messages" | "ids", after: Mark): Promise<void> => {
    for (const { rawKey, key, value } of recordsOf(from, table, record, after)) {
      if (key.last > end.offset) return;
      if (!isWhole(rawKey, value)) continue;
      to.put(table, rawKey, value);
      count += 1;
      if (count % CHUNK === 0) await to.commit();
    }
  };
  const name = Buffer.from(topic);
  to.put("topics", name, encodeTopicRecord(name, { ...record, epoch, messages: floor }));
  await copy("messages", floor);
  await copy("ids", record.ids);
  await to.commit();
}

function surveyState(store: Store): StateSurvey {
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
  { from, to }: { readonly from: Store; readonly to: Store },
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
