// Checks a topic whose keys Redis loses, or whose records decay on disk. Messages may be missing,
// and in Redis its log may start a new epoch, but every subscriber must be notified of exactly what
// it misses.
import type { GapRecord, PublishRecord, SeenRecord, View } from "./history.ts";
import { checkOrder } from "./publisher-order.ts";
import { nameOf, type Report } from "./violation.ts";

interface Place {
  readonly epoch: string;
  readonly offset: number;
}

export function checkLossyTopic(
  published: readonly PublishRecord[],
  views: readonly View[],
  report: Report,
): void {
  const log = new Map<string, SeenRecord>();
  for (const view of views) {
    checkView(view, report);
    for (const record of view.seen) checkSame(log, record, view, report);
  }
  checkStoredOnce([...log.values()], report);
  for (const records of byEpoch(published)) checkOrder(records, report, isStoredAgain);
  checkEnd(published, views, report);
  const known = new Set(published.map(nameOf));
  for (const record of log.values()) {
    if (!known.has(nameOf(record))) report("never-published", `${nameOf(record)} is there`);
  }
}

/**
 * Checks that gaps of damaged messages have the loss code, that gaps of other messages do not, and
 * that damage starts no new epoch.
 */
export function checkLossCode(
  views: readonly View[],
  lossCode: string | undefined,
  report: Report,
): void {
  for (const { subscriber, gaps } of views) {
    for (const { code, isNewEpoch, epoch } of gaps) {
      if (isNewEpoch && lossCode !== undefined) {
        report("epoch-changed", `${subscriber} was told that the log began anew as ${epoch}`);
      } else if (code !== lossCode) {
        report("gap-code", `${subscriber} was told of a gap for ${code ?? "no reason"}`);
      }
    }
  }
}

/** Each message must follow the one before, or a gap that covers the messages between them. */
function checkView({ subscriber, seen, gaps, errors }: View, report: Report): void {
  for (const error of errors) report("subscription-ended", `${subscriber}: ${error}`);
  let place: Place | undefined;
  const announced: GapRecord[] = [];
  for (const [index, record] of seen.entries()) {
    announced.push(...gaps.filter(({ seenBefore }) => seenBefore === index));
    place = behindGaps(announced, place, record.epoch);
    const isNext = place?.epoch === record.epoch && record.offset === place.offset + 1;
    if (place !== undefined && !isNext) {
      const { epoch, offset } = place;
      report(
        "offset-hole",
        `${subscriber} got ${textOf(record)} after ${textOf({ epoch, offset })}`,
      );
    }
    place = record;
  }
}

/**
 * The position after all announced gaps that follow a position without interruption. An iterator
 * may read messages after later gaps were announced, so a gap may apply only to a later position.
 */
function behindGaps(
  announced: readonly GapRecord[],
  start: Place | undefined,
  epoch: string,
): Place | undefined {
  let place = start;
  for (;;) {
    const { offset } = place ?? { offset: 0 };
    const isInEpoch = place?.epoch === epoch;
    const next = announced.find((gap) => {
      if (gap.epoch !== epoch) return false;
      return isInEpoch ? gap.first <= offset + 1 && gap.last > offset : gap.isNewEpoch;
    });
    if (next === undefined) return place;
    place = { epoch, offset: next.last };
  }
}

function checkSame(
  log: Map<string, SeenRecord>,
  record: SeenRecord,
  { subscriber }: View,
  report: Report,
): void {
  const place = textOf(record);
  const known = log.get(place);
  if (known === undefined) log.set(place, record);
  else if (nameOf(known) !== nameOf(record)) {
    report(
      "views-differ",
      `${subscriber} has ${nameOf(record)} at ${place}, others ${nameOf(known)}`,
    );
  }
}

/** A message may be stored once in each epoch, since the ids are lost with the log. */
function checkStoredOnce(records: readonly SeenRecord[], report: Report): void {
  const places = new Map<string, string>();
  for (const record of records) {
    const name = `${record.epoch} ${nameOf(record)}`;
    const place = places.get(name);
    if (place === undefined) places.set(name, textOf(record));
    else report("stored-twice", `${nameOf(record)} is at ${place} and at ${textOf(record)}`);
  }
}

/** Everything published after the faults ended must reach every subscriber. */
function checkEnd(
  published: readonly PublishRecord[],
  views: readonly View[],
  report: Report,
): void {
  const end = published.at(-1);
  if (end === undefined) return;
  if (end.outcome !== "acked") {
    report("acked-missing", `the last message was not acked: ${end.code}`);
    return;
  }
  for (const { subscriber, seen } of views) {
    const last = seen.at(-1);
    if (last === undefined || textOf(last) !== textOf(end) || nameOf(last) !== nameOf(end)) {
      const place = last === undefined ? "nothing" : textOf(last);
      report("view-short", `${subscriber} ends at ${place}, and the topic at ${textOf(end)}`);
    }
  }
}

/**
 * Whether a message was stored first in an epoch whose ids are lost, and its successor in the
 * present one. If both acks were lost, the publisher repeated both: the successor was recognised as
 * a duplicate, and the message was stored again after it.
 */
function isStoredAgain(earlier: PublishRecord, later: PublishRecord): boolean {
  return later.isDuplicate && !earlier.isDuplicate;
}

function byEpoch(published: readonly PublishRecord[]): PublishRecord[][] {
  const epochs = [...new Set(published.map(({ epoch }) => epoch))];
  return epochs.map((epoch) => published.filter((record) => record.epoch === epoch));
}

function textOf({ epoch, offset }: Place): string {
  return `${epoch}_${offset}`;
}
