// Checks every record of a store, and copies the intact ones into a new store. For a store that a
// node refuses, or that may be damaged. docs/operations.md#repair
import type { Epoch } from "@shardcast/protocol";
import { createEpoch } from "./epoch.ts";
import { storedEntries, textOfEntry } from "./lmdb-state.ts";
import { isWhole } from "./record-key.ts";
import { putState } from "./store-state.ts";
import type { RecordSource, Store } from "./store.ts";
import { surveyStore, type StoreSurvey } from "./store-survey.ts";
import { decodeName, encodeName, nameKey } from "./topic-name.ts";
import { encodeTopicRecord } from "./topic-record.ts";
import { LOST_NUMBER, recordsOf, wholeBatchOf } from "./topic-survey.ts";
import type { FoundRecord, Survey } from "./topic-survey.ts";

/** The number of records to write at once. */
const CHUNK = 256;
const FIRST_KEY = Buffer.alloc(1);

export interface StoreReport {
  /** Numbers of topics and of messages. */
  readonly topics: number;
  readonly messages: number;
  readonly bytes: number;
  /** Messages that are missing between others. */
  readonly missing: number;
  /** Faults, as human-readable descriptions; empty if the store is intact. */
  readonly faults: readonly string[];
}

/** The entries of the key-value store, as far as they are readable. */
interface StateSurvey {
  readonly last: Buffer | undefined;
  readonly faults: readonly string[];
}

export function checkStore(store: RecordSource): StoreReport {
  return reportOf(surveyStore(store), [...namesFaults(store), ...surveyState(store).faults]);
}

/**
 * Copies all intact records into an empty store. Readers are notified of the messages that are
 * missing in between. A topic whose end is lost gets a new epoch, since its offsets may be used
 * again. `isAnew` gives every topic a new epoch, for a copy that is older than what clients have
 * received. The key-value store is copied as far as it is readable.
 * @throws SHARDCAST_LOG_UNAVAILABLE
 */
export async function repairStore(
  from: RecordSource,
  to: Store,
  { isAnew = false } = {},
): Promise<StoreReport> {
  const survey = surveyStore(from);
  const surveys = survey.topics;
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
  const report = reportOf(survey, [...namesFaults(from), ...state.faults]);
  // A topic's size is the difference of its sums, which include missing messages.
  const weight = surveys.reduce((total, { floor, end }) => total + end.sum - floor.sum, 0);
  putState(to, { nextNumber, bytes: weight });
  await to.commit();
  return report;
}

function reportOf(
  { topics: surveys, orphans }: StoreSurvey,
  others: readonly string[],
): StoreReport {
  const sum = (value: (survey: Survey) => number): number =>
    surveys.reduce((total, survey) => total + value(survey), 0);
  return {
    topics: surveys.length,
    messages: sum(({ messages }) => messages),
    bytes: sum(({ bytes }) => bytes),
    missing: sum(({ missing }) => missing),
    faults: [
      ...surveys.flatMap(({ topic, faults }) => faults.map((fault) => `${topic}: ${fault}`)),
      ...(orphans === 0 ? [] : [`${orphans} messages belong to no known topic`]),
      ...others,
    ],
  };
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
  const numberKey = nameKey(record.number);
  to.put("names", numberKey, encodeName(numberKey, name));
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

function namesFaults(store: RecordSource): string[] {
  const damaged = [...store.from("names", FIRST_KEY)].filter(({ key, value }) => {
    return decodeName(key, value) === undefined;
  });
  return damaged.map(({ key }) => `the name of topic number ${key.toString("hex")} is damaged`);
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
