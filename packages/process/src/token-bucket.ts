// A token bucket: allows `unitsPerSecond` on average, and `burst` units at once.

const BURST_SECONDS = 2;

export class TokenBucket {
  readonly #unitsPerSecond: number;
  readonly #burst: number;
  #units: number;
  #filledAt: number;

  /**
   * @param unitsPerSecond Infinity for no limit
   * @param now the time in ms, of any clock
   * @param burst maximum number of units at once @default the units of two seconds, at least 1
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
   * Takes units if at least one is left. A request may take more than are left; later requests then wait until the
   * deficit is refilled. @returns false if no unit is left
   */
  take(units: number, now: number): boolean {
    if (this.#unitsPerSecond === Infinity) return true;
    this.#fill(now);
    if (this.#units < 1) return false;
    this.#units -= units;
    return true;
  }

  /** Gives back units that were taken for an action that did not happen. */
  giveBack(units: number): void {
    this.#units = Math.min(this.#burst, this.#units + units);
  }

  /** Whether the bucket is full, like a new one. */
  isFull(now: number): boolean {
    if (this.#unitsPerSecond === Infinity) return true;
    this.#fill(now);
    return this.#units === this.#burst;
  }

  /** Returns the time until one unit is available, in ms, at least 1. */
  waitMs(now: number): number {
    this.#fill(now);
    return Math.max(1, Math.ceil(((1 - this.#units) / this.#unitsPerSecond) * 1000));
  }

  #fill(now: number): void {
    // The clock may go backwards.
    const seconds = Math.max(0, now - this.#filledAt) / 1000;
    this.#filledAt = now;
    this.#units = Math.min(this.#burst, this.#units + seconds * this.#unitsPerSecond);
  }
}
