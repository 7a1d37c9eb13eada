// Checks that the acked messages of a publisher are in the order in which it sent them.
import type { PublishRecord } from "./history.ts";
import { nameOf, type Report } from "./violation.ts";

/**
 * Of publishes whose offsets can be compared.
 * @param isExcused whether a later message may be before an earlier one. @default never
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
