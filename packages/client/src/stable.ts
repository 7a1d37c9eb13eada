// When something that was built up anew counts as good: a link that is cut as soon as it is open, or a subscription
// that ends as soon as it stands, is no better than none, and the waits between the tries grow on.
import type { BackoffOptions } from "@shardcast/protocol";

const STABLE_MS = 10_000;

/** Whether what has lived for so long has proved itself; where waits are short, it has sooner. */
export function isStable(livedMs: number, { maxMs }: BackoffOptions): boolean {
  return livedMs >= Math.min(STABLE_MS, maxMs);
}
