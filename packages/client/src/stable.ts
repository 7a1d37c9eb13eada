// Whether a new link or subscription counts as successful. If it ends right after it opens, it counts as failed, and
// the waits between the attempts keep growing.
import type { BackoffOptions } from "@shardcast/protocol";

const STABLE_MS = 10_000;

/** Whether the lifetime is long enough. With a short maximum wait, a shorter lifetime suffices. */
export function isStable(livedMs: number, { maxMs }: BackoffOptions): boolean {
  return livedMs >= Math.min(STABLE_MS, maxMs);
}
