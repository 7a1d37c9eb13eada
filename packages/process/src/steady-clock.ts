// The node's time of day: the timestamps of messages, and the cutoff for what is too old.
//
// System clocks are sometimes set, by minutes or days, and sometimes wrongly for a few seconds. So this clock follows
// the monotonic clock. It adopts small corrections at once, and a jump only after it has lasted for a minute.
//
// Data must not be dropped because the clock was wrong when it was stamped, or is wrong now. So `cutoff` uses the
// earliest of all clocks that were observed within the age in question.

const SMALL_MS = 1000;
const HOLD_MS = 60_000;
/** Maximum number of remembered clocks. */
const MAX_OBSERVED = 16;

/** A state of the system clock: how far it is ahead of the monotonic clock, in ms. */
interface ObservedClock {
  offset: number;
  /** When it was last observed or trusted, by the monotonic clock. */
  at: number;
}

export class SteadyClock {
  readonly #wall: () => number;
  readonly #steady: () => number;
  readonly #startedAt: number;
  #trusted: ObservedClock;
  /** A different clock that is observed at present, and since when. */
  #jump: { readonly clock: ObservedClock; readonly since: number } | undefined;
  /** Includes the trusted one. */
  #observed: ObservedClock[];

  /** @param wall ms since 1970 · @param steady monotonic ms */
  constructor(wall: () => number = Date.now, steady: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#steady = steady;
    this.#startedAt = steady();
    this.#trusted = { offset: wall() - this.#startedAt, at: this.#startedAt };
    this.#observed = [this.#trusted];
  }

  /** Returns the current time, in ms since 1970. */
  readonly now = (): number => {
    const steady = this.#steady();
    const offset = this.#wall() - steady;
    const trusted = this.#trusted;
    trusted.at = steady;
    if (isNear(trusted, offset)) {
      trusted.offset = offset;
      this.#jump = undefined;
    } else {
      this.#jumped(offset, steady);
    }
    return Math.floor(steady + this.#trusted.offset);
  };

  /**
   * Returns the latest timestamp, in ms since 1970, of data that is older than `ageMs` by every observed clock. Data
   * from before the start is at least as old as the process: until `ageMs`, at most a minute, nothing is too old.
   */
  readonly cutoff = (ageMs: number): number => {
    this.now();
    const steady = this.#steady();
    if (steady - this.#startedAt < Math.min(ageMs, HOLD_MS)) return 0;
    let { offset } = this.#trusted;
    for (const clock of this.#observed) {
      if (clock.at >= steady - ageMs) offset = Math.min(offset, clock.offset);
    }
    return Math.floor(steady + offset) - ageMs;
  };

  #jumped(offset: number, steady: number): void {
    const clock = this.#note(offset, steady);
    if (this.#jump?.clock !== clock) {
      this.#jump = { clock, since: steady };
    } else if (steady - this.#jump.since >= HOLD_MS) {
      this.#trusted = clock;
      this.#jump = undefined;
    }
  }

  #note(offset: number, steady: number): ObservedClock {
    const known = this.#observed.find((clock) => isNear(clock, offset));
    if (known !== undefined) {
      known.offset = offset;
      known.at = steady;
      return known;
    }
    const clock = { offset, at: steady };
    this.#observed.push(clock);
    if (this.#observed.length > MAX_OBSERVED) this.#forgetOne(clock);
    return clock;
  }

  /** Forgets the clock that is furthest ahead, except the newest and the trusted one: it affects `cutoff` least. */
  #forgetOne(newest: ObservedClock): void {
    const others = this.#observed.filter((clock) => clock !== newest && clock !== this.#trusted);
    const furthest = Math.max(...others.map((clock) => clock.offset));
    this.#observed = this.#observed.filter(
      (clock) => !others.includes(clock) || clock.offset < furthest,
    );
  }
}

function isNear(clock: ObservedClock, offset: number): boolean {
  return Math.abs(offset - clock.offset) <= SMALL_MS;
}
