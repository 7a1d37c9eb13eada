// A text that is made when somebody asks, and is shared by those who ask at once or too often: making it takes a
// bounded part of the process's time, however many ask.

/** Between two makings lie so many times what one took, on average. */
const REST_FACTOR = 10;
/** Without a rest, what is made may take so many ms in all: who asks now and then has a text of this moment. */
const BURST_MS = 300;

export class PacedText {
  readonly #make: () => Promise<string>;
  readonly #now: () => number;
  #text: Promise<string> | undefined;
  #isMaking = false;
  /** Rested for are all makings that were over before. */
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
        // The next one who asks may have more luck.
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
