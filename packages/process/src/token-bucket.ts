// Limits a rate: `unitsPerSecond` in the long run, and `burst` at once.

const BURST_SECONDS = 2;

export class TokenBucket {
  readonly #unitsPerSecond: number;
  readonly #burst: number;
  #units: number;
  #filledAt: number;

  /**
   * @param unitsPerSecond Infinity for no limit
   * @param now in ms, of any clock
   * @param burst units; by default those of two seconds, and 1 at least
   */
  constructor(
    unitsPerSecond: number,
    now: number,
    burst = Math.max(1, BURST_SECONDS * unitsPerSecond),
  ) {
    this.#unitsPerSecond = unitsPerSecond;
    this.#burst = burst;
    this.#units = burst;
    this.#filledAt = now;
  }

  /**
   * Takes units where there is at least one. A request for more than are left takes them all the same, and later
   * ones wait until the debt is paid.
   */
  take(units: number, now: number): boolean {
    if (this.#unitsPerSecond === Infinity) return true;
    this.#fill(now);
    if (this.#units < 1) return false;
    this.#units -= units;
    return true;
  }

  /** Returns units that were taken for something that did not happen. */
  giveBack(units: number): void {
    this.#units = Math.min(this.#burst, this.#units + units);
  }

  /** Whether it is as good as a new one. */
  isFull(now: number): boolean {
    if (this.#unitsPerSecond === Infinity) return true;
    this.#fill(now);
    return this.#units === this.#burst;
  }

  /** How long until one unit can be taken, in ms; at least 1. */
  waitMs(now: number): number {
    this.#fill(now);
    return Math.max(1, Math.ceil(((1 - this.#units) / this.#unitsPerSecond) * 1000));
  }

  #fill(now: number): void {
    // The clock may step back.
    const seconds = Math.max(0, now - this.#filledAt) / 1000;
    this.#filledAt = now;
    this.#units = Math.min(this.#burst, this.#units + seconds * this.#unitsPerSecond);
  }
}
