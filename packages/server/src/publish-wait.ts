// How long a publish that has no answer yet may wait within a node.

/** However long its sender would wait: beyond the dedupe window a repeat would be stored twice. */
const MAX_WAIT_MS = 120_000;

/**
 * When a publish is refused that has no answer by then, by the monotonic clock.
 * @param timeoutMs how long its sender waits; 0 leaves it to the node, which waits `otherwiseMs`
 */
export function deadlineOf(timeoutMs: number, otherwiseMs: number): number {
  return performance.now() + Math.min(timeoutMs === 0 ? otherwiseMs : timeoutMs, MAX_WAIT_MS);
}
