// How long to wait before the next try to connect: full jitter, so that many clients that lost a node
// at once do not come back at once. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/

export interface BackoffOptions {
  /** The least to wait, in ms. */
  readonly minMs: number;
  /** The most to wait, in ms. */
  readonly maxMs: number;
}

/**
 * A random wait between `minMs` and `minMs · 2^(attempt + 1)`, at most `maxMs`.
 * @param attempt tries that failed in a row: 0 before the first retry
 * @param random a number from 0 up to 1
 */
export function backoffMs(options: BackoffOptions, attempt: number, random: number): number {
  const floor = Math.min(options.minMs, options.maxMs);
  const ceiling = Math.min(options.maxMs, options.minMs * 2 ** (Math.min(attempt, 30) + 1));
  return Math.round(floor + random * (ceiling - floor));
}
