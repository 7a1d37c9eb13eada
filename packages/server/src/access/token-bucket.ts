// How much may be done in a time: so many units a second, and two seconds' worth at once.

const BURST_SECONDS = 2;

export class TokenBucket {
  readonly #unitsPerSecond: number;
  #units: number;
  #filledAt: number;

  /** @param unitsPerSecond Infinity where there is no limit */
  constructor(unitsPerSecond: number, now: number) {
    this.#unitsPerSecond = unitsPerSecond;
    this.#units = this.#room;
    this.#filledAt = now;
  }

  /**
   * Takes units, where any are left: what is larger than the rest is taken all the same, and what follows waits
   * for longer.
   */
  take(units: number, now: number): boolean {
    if (this.#unitsPerSecond === Infinity) return true;
    this.#fill(now);
    if (this.#units <= 0) return false;
    this.#units -= units;
    return true;
  }

  /** Gives back what was taken for something that did not come about. */
  giveBack(units: number): void {
    this.#units = Math.min(this.#room, this.#units + units);
  }

  /** Nobody would notice if it were a new one. */
  isFull(now: number): boolean {
    if (this.#unitsPerSecond === Infinity) return true;
    this.#fill(now);
    return this.#units === this.#room;
  }

  get #room(): number {
    return BURST_SECONDS * this.#unitsPerSecond;
  }

  #fill(now: number): void {
    // The clock may step back.
    const seconds = Math.max(0, now - this.#filledAt) / 1000;
    this.#filledAt = now;
    this.#units = Math.min(this.#room, this.#units + seconds * this.#unitsPerSecond);
  }
}
