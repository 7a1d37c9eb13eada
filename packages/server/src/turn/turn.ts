// Batches the work of one turn of the event loop: input is worked off after the poll phase, and
// then each link writes once. This makes bursts cheap: one commit per turn, and one write per
// subscriber.

/** Work to do at the end of the turn. */
export interface TurnWork {
  endTurn(): void;
}

export interface TurnOptions {
  /** Schedules a function to run when this turn's input has been read. @default setImmediate */
  readonly schedule?: (run: () => void) => void;
  /** Called with errors that work throws; the rest of the turn continues. */
  readonly onError: (error: unknown) => void;
}

/** At the end of a turn, runs all deferred work, then all writes. Work may defer writes. */
export class Turn {
  readonly #schedule: (run: () => void) => void;
  readonly #onError: (error: unknown) => void;
  #work: TurnWork[] = [];
  #writes: TurnWork[] = [];
  #isScheduled = false;
  #number = 0;

  constructor(options: TurnOptions) {
    this.#schedule = options.schedule ?? setImmediate;
    this.#onError = options.onError;
  }

  /** The number of turns so far that had work. */
  get number(): number {
    return this.#number;
  }

  /**
   * Defers work to the end of this turn. The caller must not defer the same work twice in one turn.
   */
  defer(work: TurnWork): void {
    this.#work.push(work);
    this.#wake();
  }

  deferWrite(write: TurnWork): void {
    this.#writes.push(write);
    this.#wake();
  }

  #wake(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#schedule(this.#end);
  }

  readonly #end = (): void => {
    const work = this.#work;
    this.#work = [];
    this.#run(work);
    const writes = this.#writes;
    this.#writes = [];
    this.#run(writes);
    this.#isScheduled = false;
    this.#number += 1;
    // Work that was deferred meanwhile belongs to the next turn, after sockets were read.
    if (this.#work.length + this.#writes.length > 0) this.#wake();
  };

  #run(work: readonly TurnWork[]): void {
    for (const item of work) {
      try {
        item.endTurn();
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}
