// When the topics that nobody has open are gone through: a few at a time, and not before something can be due. To
// keep a list of them by their time would cost memory for each; to look at each costs nothing while none is due.

/** A round begins no sooner than this after the one before. */
const ROUND_MS = 10_000;
/** Nor sooner than so many times what the one before took, within a limit: 0.2 % of a core. */
const REST_FACTOR = 500;
const MAX_REST_MS = 300_000;
const START = Buffer.alloc(1);

export class TidyRounds {
  /** Where the round goes on; undefined between two rounds. */
  #at: Buffer | undefined;
  /** When the next may begin, by a clock that nobody sets. */
  #notBefore = 0;
  /** When something is due of what was seen or let go of. */
  #dueAt = 0;
  #startedAt = 0;
  #tookMs = 0;

  /** A topic has something to be done at a time. */
  isDue(time: number): void {
    this.#dueAt = Math.min(this.#dueAt, time);
  }

  /** @param tidyFrom does a few topics from a key on, and returns where to go on; undefined at the end */
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
