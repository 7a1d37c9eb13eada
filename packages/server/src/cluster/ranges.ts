// Expands `c{1..3}=ws://host-{1..3}:9100` into three entries, so that a compose file can name the
// replicas of a service. All ranges of one entry count together.

const RANGE = /\{(\d{1,4})\.\.(\d{1,4})\}/;

/** Expands the ranges in a comma-separated list. */
export function expandRanges(list: string): string {
  return list.split(",").flatMap(expandEntry).join(",");
}

function expandEntry(entry: string): string[] {
  const match = RANGE.exec(entry);
  if (match?.[1] === undefined || match[2] === undefined) return [entry];
  const first = Number(match[1]);
  const count = Math.max(0, Number(match[2]) - first + 1);
  return Array.from({ length: count }, (_, index) =>
    entry.replace(new RegExp(RANGE, "g"), (_range, from: string) => String(Number(from) + index)),
  );
}
