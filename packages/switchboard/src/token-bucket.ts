// How often something may happen: `burst` times at once, and `perSecond` times a second in the long run.

export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** @param now in ms, of any clock that does not run backwards */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** Whether it may happen now; if so, it has. */
  take(now: number): boolean {
    const earned = ((now - this.#at) / 1000) * this.#perSecond;
    this.#tokens = Math.min(this.#burst, this.#tokens + earned);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whether nothing has happened for long enough that as much may happen as at first. */
  isFull(now: number): boolean {
    return this.#tokens + ((now - this.#at) / 1000) * this.#perSecond >= this.#burst;
  }

  /** How long until it may happen again, in ms: 1 at least. */
  waitMs(now: number): number {
    const missing = 1 - this.#tokens - ((now - this.#at) / 1000) * this.#perSecond;
    return Math.max(1, Math.ceil((missing / this.#perSecond) * 1000));
  }
}
