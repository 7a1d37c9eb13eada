// A runtime whose time passes only when a test says so.
import type { Runtime, Timer } from "../../src/runtime.ts";

interface Pending {
  readonly run: () => void;
  /** Undefined for a timeout. */
  readonly intervalMs: number | undefined;
  /** Timers that are due at the same time run in the order in which they were set. */
  readonly number: number;
  dueAt: number;
}

export class TestRuntime implements Runtime {
  /** What `random` returns. */
  randomValue = 0.5;
  /** How far the system's clock is ahead of the monotonic one. */
  wallAheadMs = 1_700_000_000_000;
  #now: number;
  #nextNumber = 1;
  readonly #pending = new Map<Timer, Pending>();

  constructor(startMs = 1000) {
    this.#now = startMs;
  }

  /** Timers that are yet to run. */
  get timerCount(): number {
    return this.#pending.size;
  }

  readonly wall = (): number => this.#now + this.wallAheadMs;

  readonly steady = (): number => this.#now;

  readonly random = (): number => this.randomValue;

  readonly setTimeout = (run: () => void, ms: number): Timer => this.#set(run, ms, undefined);

  readonly setInterval = (run: () => void, ms: number): Timer => this.#set(run, ms, ms);

  readonly clear = (timer: Timer | undefined): void => {
    if (timer !== undefined) this.#pending.delete(timer);
  };

  /** Lets time pass, and runs each timer at its time. Promises do not settle in between: see {@link pass}. */
  advance(ms: number): void {
    const end = this.#now + ms;
    while (this.#runNext(end)) continue;
    this.#now = end;
  }

  /** Like `advance`; after each timer, and at the end, all that promises have led to is done. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settled();
    while (this.#runNext(end)) await settled();
    this.#now = end;
  }

  #set(run: () => void, ms: number, intervalMs: number | undefined): Timer {
    const timer: Timer = { unref: () => timer };
    const dueAt = this.#now + Math.max(ms, 1);
    this.#pending.set(timer, { run, intervalMs, dueAt, number: this.#nextNumber });
    this.#nextNumber += 1;
    return timer;
  }

  #runNext(end: number): boolean {
    let next: [Timer, Pending] | undefined;
    for (const entry of this.#pending) {
      const [, { dueAt, number }] = entry;
      if (dueAt > end) continue;
      const [, best] = next ?? [];
      if (
        best === undefined ||
        dueAt < best.dueAt ||
        (dueAt === best.dueAt && number < best.number)
      )
        next = entry;
    }
    if (next === undefined) return false;
    const [timer, pending] = next;
    this.#now = Math.max(this.#now, pending.dueAt);
    if (pending.intervalMs === undefined) this.#pending.delete(timer);
    else pending.dueAt += Math.max(pending.intervalMs, 1);
    pending.run();
    return true;
  }
}

/** Resolves when all promises that can settle without a timer or the network have settled. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
