// How long a publish without an answer may wait within a node.

/** The limit for any publish: a retry after the dedupe window would be stored twice. */
const MAX_WAIT_MS = 120_000;

/**
 * Whether a publish has a timeout of its own. Its sender gives up after that time, so no later
 * publish has to wait for it. A publish without a timeout may be sent again.
 */
export function hasOwnTime(timeoutMs: number): boolean {
  return timeoutMs > 0 && timeoutMs <= MAX_WAIT_MS;
}

/**
 * The time at which a publish without an answer is refused, by the monotonic clock, in ms.
 * @param timeoutMs how long the sender waits; 0 for the node's default, `otherwiseMs`
 * @param now the monotonic time, in ms
 */
export function deadlineOf(timeoutMs: number, otherwiseMs: number, now: number): number {
  return now + Math.min(timeoutMs === 0 ? otherwiseMs : timeoutMs, MAX_WAIT_MS);
}
