// The time of day as a node goes by it: what it stamps messages with, and what it goes by for what is too old.
//
// System clocks get set, by minutes or days, and sometimes wrongly for a few seconds. So the clock here runs on by the
// monotonic one. It follows small corrections at once, and a jump only when that has held for a minute.

const SMALL_MS = 1000;
const HOLD_MS = 60_000;

export class SteadyClock {
  readonly #wall: () => number;
  readonly #steady: () => number;
  /** Wall time minus monotonic time, as it is believed. */
  #offset: number;
  /** Another one that has been seen, and since when. */
  #jump: { readonly offset: number; readonly since: number } | undefined;

  /** @param wall ms since 1970 · @param steady ms that never go back */
  constructor(wall: () => number = Date.now, steady: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#steady = steady;
    this.#offset = wall() - steady();
  }

  /** Now, in ms since 1970. */
  readonly now = (): number => {
    const steady = this.#steady();
    const offset = this.#wall() - steady;
    if (Math.abs(offset - this.#offset) <= SMALL_MS) {
      this.#offset = offset;
      this.#jump = undefined;
    } else if (this.#jump === undefined || Math.abs(offset - this.#jump.offset) > SMALL_MS) {
      this.#jump = { offset, since: steady };
    } else if (steady - this.#jump.since >= HOLD_MS) {
      this.#offset = offset;
      this.#jump = undefined;
    }
    return Math.floor(steady + this.#offset);
  };
}
