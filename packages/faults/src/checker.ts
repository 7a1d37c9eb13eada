// Checks that a history keeps the promises, and reports which message broke which promise. Like
// Jepsen, it knows nothing of how the cluster works. docs/reliability.md#what-is-checked
import type { History, PublishRecord, SeenRecord, View } from "./history.ts";
import { checkLossCode, checkLossyTopic } from "./lossy-checker.ts";
import { checkOrder } from "./publisher-order.ts";
import { nameOf, type Report, type Violation } from "./violation.ts";

/** One topic's messages by offset, merged from all views. */
type Log = Map<number, SeenRecord>;

export function check(history: History): Violation[] {
  const topics = new Set([...history.published, ...history.views].map(({ topic }) => topic));
  return [...topics].sort().flatMap((topic) => {
    const violations: Violation[] = [];
    const published = history.published.filter((record) => record.topic === topic);
    const views = history.views.filter((view) => view.topic === topic);
    const report: Report = (rule, detail) => violations.push({ rule, topic, detail });
    if (history.lossyTopics?.has(topic) !== true) checkWholeTopic(published, views, report);
    else {
      checkLossCode(views, history.lossCode, report);
      checkLossyTopic(published, views, report);
    }
    return violations;
  });
}

function checkWholeTopic(
  published: readonly PublishRecord[],
  views: readonly View[],
  report: Report,
): void {
  const log: Log = new Map();
  checkEpochs(views, report);
  for (const view of views) checkView(view, log, report);
  const head = Math.max(0, ...log.keys());
  for (const view of views) checkEnd(view, head, report);
  checkStoredOnce(log, report);
  checkPublished(published, log, report);
  checkOrder(published, report);
}

function checkEpochs(views: readonly View[], report: Report): void {
  const epochs = new Set(views.flatMap(({ seen }) => seen.map(({ epoch }) => epoch)));
  if (epochs.size > 1) report("epoch-changed", `there are ${[...epochs].join(" and ")}`);
}

function checkView(view: View, log: Log, report: Report): void {
  const { subscriber, isFromStart, seen, gaps, errors } = view;
  for (const error of errors) report("subscription-ended", `${subscriber}: ${error}`);
  for (const { first, last, isNewEpoch, after, epoch } of gaps) {
    const what = isNewEpoch ? `the log began anew as ${epoch}` : `${first} to ${last}`;
    report("gap", `${subscriber} was told of a gap after ${after}: ${what}`);
  }
  let previous = isFromStart ? 0 : undefined;
  for (const record of seen) {
    const { offset } = record;
    if (previous !== undefined && offset !== previous + 1) {
      report("offset-hole", `${subscriber} got ${offset} (${nameOf(record)}) after ${previous}`);
    }
    previous = offset;
    const known = log.get(offset);
    if (known === undefined) log.set(offset, record);
    else if (nameOf(known) !== nameOf(record)) {
      report(
        "views-differ",
        `${subscriber} has ${nameOf(record)} at ${offset}, others ${nameOf(known)}`,
      );
    }
  }
}

function checkEnd({ subscriber, seen }: View, head: number, report: Report): void {
  const last = Math.max(0, ...seen.slice(-1).map(({ offset }) => offset));
  if (last < head) report("view-short", `${subscriber} ends at ${last}, others at ${head}`);
}

function checkStoredOnce(log: Log, report: Report): void {
  const places = new Map<string, number>();
  for (const [offset, record] of [...log].sort(([a], [b]) => a - b)) {
    const name = nameOf(record);
    const place = places.get(name);
    if (place === undefined) places.set(name, offset);
    else report("stored-twice", `${name} is at ${place} and at ${offset}`);
  }
}

function checkPublished(published: readonly PublishRecord[], log: Log, report: Report): void {
  const placeOf = new Map([...log].map(([offset, record]) => [nameOf(record), offset]));
  const known = new Set<string>();
  for (const record of published) {
    const name = nameOf(record);
    known.add(name);
    if (record.outcome !== "acked") continue;
    const place = placeOf.get(name);
    const at = log.get(record.offset);
    if (place === undefined) report("acked-missing", `${name} was acked at ${record.offset}`);
    else if (at === undefined || nameOf(at) !== name || at.epoch !== record.epoch) {
      report("acked-elsewhere", `${name} was acked at ${record.offset}, and is at ${place}`);
    }
  }
  for (const record of log.values()) {
    if (!known.has(nameOf(record))) report("never-published", `${nameOf(record)} is there`);
  }
}
