// Checks that a publisher's acked messages are stored in the order in which it sent them.
import type { PublishRecord } from "./history.ts";
import { nameOf, type Report } from "./violation.ts";

/**
 * Checks publishes whose offsets are comparable.
 * @param isExcused whether a later message may be stored before an earlier one. @default never
 */
export function checkOrder(
  published: readonly PublishRecord[],
  report: Report,
  isExcused: (earlier: PublishRecord, later: PublishRecord) => boolean = () => false,
): void {
  const last = new Map<string, PublishRecord>();
  const acked = published.filter(({ outcome }) => outcome === "acked");
  for (const record of acked.sort((a, b) => a.sequence - b.sequence)) {
    const before = last.get(record.publisher);
    const isAfter = before === undefined || before.offset < record.offset;
    if (!isAfter && !isExcused(before, record)) {
      report(
        "publisher-order",
        `${nameOf(before)} is at ${before.offset}, and ${nameOf(record)} at ${record.offset}`,
      );
    }
    last.set(record.publisher, record);
  }
}
