// What a part of a node gets from the process that runs it: time, timers, and random numbers. Parts take it as a
// parameter, so that a test can control all of them. docs/architecture.md#testing-in-memory

export interface Timer {
  /** Lets the process end though the timer is pending. */
  unref(): unknown;
}

export interface Runtime {
  /** Ms since 1970, by the system's clock, which may be set. A node takes the time of day from SteadyClock. */
  readonly wall: () => number;
  /** Ms since any fixed moment; they never go back. */
  readonly steady: () => number;
  /** At least 0, less than 1. */
  readonly random: () => number;
  readonly setTimeout: (run: () => void, ms: number) => Timer;
  readonly setInterval: (run: () => void, ms: number) => Timer;
  /** Cancels a timer of either kind. A timer that has run, or undefined, changes nothing. */
  readonly clear: (timer: Timer | undefined) => void;
}

/** The process's own. */
export const PROCESS_RUNTIME: Runtime = {
  wall: () => Date.now(),
  steady: () => performance.now(),
  random: () => Math.random(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  setInterval: (run, ms) => setInterval(run, ms),
  // Node clears both kinds with one function.
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};
