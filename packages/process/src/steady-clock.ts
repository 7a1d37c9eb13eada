// The time of day as a node goes by it: what it stamps messages with, and what it goes by for what is too old.
//
// System clocks get set, by minutes or days, and sometimes wrongly for a few seconds. So the clock here runs on by the
// monotonic one. It follows small corrections at once, and a jump only when that has held for a minute.
//
// What was stamped by a clock that was wrong then, or seems old by one that is wrong now, must not be dropped for it:
// `cutoff` goes by the earliest of the clocks that were seen as long as what it asks about may be from their time.

const SMALL_MS = 1000;
const HOLD_MS = 60_000;
/** Clocks that are remembered. */
const MAX_SEEN = 16;

/** A clock of the system: how far it is ahead of the monotonic one. */
interface Seen {
  offset: number;
  /** When it was last seen, or believed, by the monotonic clock. */
  at: number;
}

export class SteadyClock {
  readonly #wall: () => number;
  readonly #steady: () => number;
  readonly #startedAt: number;
  #believed: Seen;
  /** One that has been seen instead, and since when. */
  #jump: { readonly seen: Seen; readonly since: number } | undefined;
  /** The believed one among them. */
  #seen: Seen[];

  /** @param wall ms since 1970 · @param steady ms that never go back */
  constructor(wall: () => number = Date.now, steady: () => number = () => performance.now()) {
    this.#wall = wall;
    this.#steady = steady;
    this.#startedAt = steady();
    this.#believed = { offset: wall() - this.#startedAt, at: this.#startedAt };
    this.#seen = [this.#believed];
  }

  /** Now, in ms since 1970. */
  readonly now = (): number => {
    const steady = this.#steady();
    const offset = this.#wall() - steady;
    const believed = this.#believed;
    believed.at = steady;
    if (isNear(believed, offset)) {
      believed.offset = offset;
      this.#jump = undefined;
    } else {
      this.#jumped(offset, steady);
    }
    return Math.floor(steady + this.#believed.offset);
  };

  /**
   * The latest time of what is older than `ageMs` whichever of the clocks was right, in ms since 1970. What there was
   * before the process is as old as the process at the least: so long, and for a minute at the most, nothing is.
   */
  readonly cutoff = (ageMs: number): number => {
    this.now();
    const steady = this.#steady();
    if (steady - this.#startedAt < Math.min(ageMs, HOLD_MS)) return 0;
    let { offset } = this.#believed;
    for (const seen of this.#seen) {
      if (seen.at >= steady - ageMs) offset = Math.min(offset, seen.offset);
    }
    return Math.floor(steady + offset) - ageMs;
  };

  #jumped(offset: number, steady: number): void {
    const seen = this.#note(offset, steady);
    if (this.#jump?.seen !== seen) {
      this.#jump = { seen, since: steady };
    } else if (steady - this.#jump.since >= HOLD_MS) {
      this.#believed = seen;
      this.#jump = undefined;
    }
  }

  #note(offset: number, steady: number): Seen {
    const known = this.#seen.find((seen) => isNear(seen, offset));
    if (known !== undefined) {
      known.offset = offset;
      known.at = steady;
      return known;
    }
    const seen = { offset, at: steady };
    this.#seen.push(seen);
    if (this.#seen.length > MAX_SEEN) this.#forgetOne(seen);
    return seen;
  }

  /** Of the others, the one that is furthest ahead: it says the least about what is old. */
  #forgetOne(newest: Seen): void {
    const others = this.#seen.filter((seen) => seen !== newest && seen !== this.#believed);
    const furthest = Math.max(...others.map((seen) => seen.offset));
    this.#seen = this.#seen.filter((seen) => !others.includes(seen) || seen.offset < furthest);
  }
}

function isNear(seen: Seen, offset: number): boolean {
  return Math.abs(offset - seen.offset) <= SMALL_MS;
}
