// Schedules the maintenance of topics that are not open: a few at a time, and no round before a
// topic can be due. An ordered list of due times would cost memory for each topic; checking every
// topic costs nothing while none is due.

/** The minimum time between the starts of two rounds. */
const ROUND_MS = 10_000;
/**
 * A round also waits this many times the duration of the previous one, up to MAX_REST_MS: 0.1 % of
 * a core.
 */
const REST_FACTOR = 1000;
const MAX_REST_MS = 300_000;
const START = Buffer.alloc(1);

export class TidyRounds {
  /** The key at which the round continues; undefined between two rounds. */
  #at: Buffer | undefined;
  /** The earliest start of the next round, by the monotonic clock. */
  #notBefore = 0;
  /** The earliest due time of all topics checked or closed. */
  #dueAt = 0;
  #startedAt = 0;
  #tookMs = 0;

  /** Notes that a topic is due at a time. */
  isDue(time: number): void {
    this.#dueAt = Math.min(this.#dueAt, time);
  }

  /**
   * @param tidyFrom handles a few topics from a key on, and returns where to continue; undefined at
   * the end
   */
  go(now: number, tidyFrom: (start: Buffer) => Buffer | undefined): void {
    if (this.#at === undefined && !this.#begin(now)) return;
    const before = performance.now();
    this.#at = tidyFrom(this.#at ?? START);
    this.#tookMs += performance.now() - before;
    if (this.#at !== undefined) return;
    const restMs = Math.min(MAX_REST_MS, REST_FACTOR * this.#tookMs);
    this.#notBefore = this.#startedAt + Math.max(ROUND_MS, restMs);
  }

  #begin(now: number): boolean {
    if (now < this.#dueAt || performance.now() < this.#notBefore) return false;
    this.#startedAt = performance.now();
    this.#tookMs = 0;
    this.#dueAt = Infinity;
    return true;
  }
}
