// A text that is created on request and shared by concurrent or too frequent requests, so that creating it takes a
// bounded part of the process's time, however many requests arrive.

/** The average pause between two creations, as a multiple of the time that one takes. */
const REST_FACTOR = 10;
/** Total creation time without a pause, in ms, so that occasional requests always get a fresh text. */
const BURST_MS = 300;

export class PacedText {
  readonly #make: () => Promise<string>;
  readonly #now: () => number;
  #text: Promise<string> | undefined;
  #isMaking = false;
  /** When the pauses for all finished creations are over. */
  #restedAt = 0;

  constructor(make: () => Promise<string>, now: () => number = () => performance.now()) {
    this.#make = make;
    this.#now = now;
  }

  get(): Promise<string> {
    const start = this.#now();
    const isTooOften = this.#restedAt > start + REST_FACTOR * BURST_MS;
    if (this.#text !== undefined && (this.#isMaking || isTooOften)) return this.#text;
    this.#isMaking = true;
    this.#text = this.#make()
      .catch((error: unknown) => {
        // The next request tries again.
        this.#text = undefined;
        throw error;
      })
      .finally(() => {
        this.#isMaking = false;
        const tookMs = this.#now() - start;
        this.#restedAt = Math.max(this.#restedAt, start) + REST_FACTOR * tookMs;
      });
    return this.#text;
  }
}
