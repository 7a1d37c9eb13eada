// How long a publish that has no answer yet may wait within a node.

/** However long its sender would wait: beyond the dedupe window a repeat would be stored twice. */
const MAX_WAIT_MS = 120_000;

/**
 * Whether a publish names the time that it may take: then its sender gives it up when that is over, and it holds
 * nothing up that waits behind it. One that leaves its time to the node may come again.
 */
export function hasOwnTime(timeoutMs: number): boolean {
  return timeoutMs > 0 && timeoutMs <= MAX_WAIT_MS;
}

/**
 * When a publish is refused that has no answer by then, by the monotonic clock.
 * @param timeoutMs how long its sender waits; 0 leaves it to the node, which waits `otherwiseMs`
 */
export function deadlineOf(timeoutMs: number, otherwiseMs: number): number {
  return performance.now() + Math.min(timeoutMs === 0 ? otherwiseMs : timeoutMs, MAX_WAIT_MS);
}
