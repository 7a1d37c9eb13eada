// Checks every record of a topic, for a check or a repair: which are intact, which are missing, and
// whether the topic's end is known. If a damaged record may have been the last, the end is unknown:
// an offset used twice in one epoch would stand for two messages, and a reader that has the first
// would never get the second.
import { NO_EPOCH } from "@shardcast/protocol";
import { Batch } from "./batch.ts";
import { wholeBatch } from "./message-record.ts";
import { decodeKey, isWhole, seekKey, type RecordKey } from "./record-key.ts";
import { numberOf } from "./record-number.ts";
import type { Mark } from "./series.ts";
import type { RecordSource } from "./store.ts";
import type { TopicRecord } from "./topic-record.ts";

/** A number that no topic has. */
export const LOST_NUMBER = 0;

/** The readable part of one topic. */
export interface Survey {
  readonly topic: string;
  readonly record: TopicRecord;
  /** The mark before its first message. */
  readonly floor: Mark;
  readonly end: Mark;
  readonly messages: number;
  readonly bytes: number;
  readonly missing: number;
  /**
   * False if the end could not be reached or may have been changed: offsets after it may have been
   * in use.
   */
  readonly isEndKnown: boolean;
  readonly faults: readonly string[];
  readonly strays: readonly Stray[];
}

/** A damaged record, which may belong to another topic. */
export interface Stray {
  /** The topic number that matches its checksum; undefined if it has no checksum. */
  readonly number: number | undefined;
  /** The offset of its first message. */
  readonly first: number;
}

const NOWHERE: Mark = { offset: 0, time: 0, sum: 0 };

export interface FoundRecord {
  readonly rawKey: Buffer;
  readonly key: RecordKey;
  readonly value: Buffer;
}

/**
 * A topic whose own record is lost.
 * @param number the number under which the table of names has it. Without one, its messages cannot
 * be identified
 */
export function lostTopic(store: RecordSource, topic: string, number = LOST_NUMBER): Survey {
  const record = { number, epoch: NO_EPOCH, messages: NOWHERE, ids: NOWHERE };
  const survey = surveyTopic(store, topic, record);
  return { ...survey, isEndKnown: false, faults: ["its own record is lost", ...survey.faults] };
}

export function surveyTopic(store: RecordSource, topic: string, record: TopicRecord): Survey {
  const walk = new SurveyWalk(record);
  try {
    // From the very first offset: no records exist below the floor, unless damage moved the floor.
    const [start, end] = [seekKey(record.number, 0), seekKey(record.number + 1, 0)];
    for (const stored of recordsBetween(store, "messages", start, end)) walk.next(stored);
  } catch (error) {
    walk.failed(error);
  }
  return walk.result(topic);
}

/** The messages of a record; undefined if they are damaged. */
export function wholeBatchOf({ rawKey, key, value }: FoundRecord): Batch | undefined {
  return wholeBatch({ key, value, isWhole: isWhole(rawKey, value) }, 0);
}

/** Undefined if the messages cannot be decoded: then the damage is in them, and not in the key. */
export function strayOf({ rawKey, value }: FoundRecord): Stray | undefined {
  try {
    const first = Batch.fromFrames(value, 0)?.first;
    return first === undefined ? undefined : { number: numberOf(rawKey, value), first };
  } catch {
    return undefined;
  }
}

export function* recordsOf(
  store: RecordSource,
  table: "messages" | "ids",
  { number }: TopicRecord,
  after: Mark,
): Generator<FoundRecord> {
  const start = seekKey(number, after.offset + 1);
  yield* recordsBetween(store, table, start, seekKey(number + 1, 0));
}

export function* recordsBetween(
  store: RecordSource,
  table: "messages" | "ids",
  start: Buffer,
  end: Buffer,
): Generator<FoundRecord> {
  for (const { key, value } of store.range(table, start, end)) {
    yield { rawKey: key, key: decodeKey(key), value };
  }
}

class SurveyWalk {
  readonly #record: TopicRecord;
  readonly #faults: string[] = [];
  readonly #strays: Stray[] = [];
  #floor: Mark | undefined;
  #end: Mark;
  #messages = 0;
  #bytes = 0;
  #missing = 0;
  #isEndKnown = true;
  /** Whether the last records so far were damaged. */
  #isDamaged = false;

  constructor(record: TopicRecord) {
    this.#record = record;
    this.#end = record.messages;
  }

  next(stored: FoundRecord): void {
    const batch = wholeBatchOf(stored);
    if (batch === undefined || batch.first <= this.#end.offset) this.#damaged(stored, batch);
    else this.#whole(stored, batch);
  }

  failed(error: unknown): void {
    this.#isEndKnown = false;
    this.#faults.push(`nothing can be read after ${this.#end.offset}: ${String(error)}`);
  }

  result(topic: string): Survey {
    return {
      topic,
      record: this.#record,
      floor: this.#floor ?? this.#end,
      end: this.#end,
      messages: this.#messages,
      bytes: this.#bytes,
      missing: this.#missing,
      isEndKnown: this.#isEndKnown && !this.#isDamaged && !this.#hasStrayEnd,
      faults: this.#faults,
      strays: this.#strays,
    };
  }

  /** Whether a record found elsewhere would continue after this topic's last message. */
  get #hasStrayEnd(): boolean {
    return this.#strays.some(({ first }) => first === this.#end.offset + 1);
  }

  #whole({ key, value }: FoundRecord, batch: Batch): void {
    const end = this.#end;
    const before = { ...key, offset: batch.first - 1, sum: key.sum - value.length };
    const isNext = before.offset === end.offset;
    if (this.#floor === undefined) this.#floor = isNext ? end : before;
    else if (isNext && before.sum !== end.sum) this.#faults.push(`the sum at ${key.last} is wrong`);
    // The damaged records are the missing messages. If nothing is missing here, they belong
    // elsewhere, perhaps after the end.
    if (this.#isDamaged && isNext) this.#isEndKnown = false;
    this.#isDamaged = false;
    this.#missing += before.offset - end.offset;
    this.#messages += key.last - before.offset;
    this.#bytes += value.length;
    this.#end = { offset: key.last, time: key.time, sum: key.sum };
  }

  #damaged(stored: FoundRecord, batch: Batch | undefined): void {
    this.#faults.push(faultOf(stored, batch, this.#end));
    this.#isDamaged = true;
    if (stored.key.last <= this.#record.messages.offset) this.#isEndKnown = false;
    const stray = strayOf(stored);
    if (stray !== undefined) this.#strays.push(stray);
  }
}

function faultOf({ rawKey, key, value }: FoundRecord, batch: Batch | undefined, end: Mark): string {
  const where = `${end.offset + 1} to ${key.last}`;
  if (batch !== undefined || isWhole(rawKey, value)) return `${where} are not where they were`;
  return `${where}: the checksum is wrong`;
}
