// One turn of the event loop, gathered: what came in is worked off when the poll phase is over, and
// each link then writes once. That is what makes a burst cheap: one commit, one write a subscriber.

/** Something with work to do at the end of the turn. */
export interface TurnWork {
  endTurn(): void;
}

export interface TurnOptions {
  /** Runs a function when this turn's input has been read. @default setImmediate */
  readonly schedule?: (run: () => void) => void;
  /** Told of an error that work threw; the rest of the turn goes on. */
  readonly onError: (error: unknown) => void;
}

/** Runs all work that was deferred in this turn, then all writes. Work may defer writes. */
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

  /** Counts the turns in which there was something to do. */
  get number(): number {
    return this.#number;
  }

  /** The caller sees to it that it defers itself once a turn. */
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
    // What was deferred meanwhile is the next turn's: sockets are read in between.
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
