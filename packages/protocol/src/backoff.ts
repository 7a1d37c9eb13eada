// The wait before the next attempt to connect. It has full jitter, so that many clients that lost a node at
// the same moment do not all return at the same moment.
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

export interface BackoffOptions {
  /** The shortest wait, in ms. */
  readonly minMs: number;
  /** The longest wait, in ms. */
  readonly maxMs: number;
}

/**
 * Returns a random wait between `minMs` and `minMs · 2^(attempt + 1)`, at most `maxMs`, in ms.
 * @param attempt number of attempts that failed in a row; 0 before the first retry
 * @param random a number from 0 (inclusive) to 1 (exclusive)
 */
export function backoffMs(options: BackoffOptions, attempt: number, random: number): number {
  const floor = Math.min(options.minMs, options.maxMs);
  const ceiling = Math.min(options.maxMs, options.minMs * 2 ** (Math.min(attempt, 30) + 1));
  return Math.round(floor + random * (ceiling - floor));
}
