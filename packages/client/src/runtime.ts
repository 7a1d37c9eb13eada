// The effects that the SDK has on the world: sockets, HTTP, time, chance. All enter by this one object,
// so that a test can put its own in their place.
import { WebSocket, receivedBytes } from "#platform";
import { onWake } from "./wake.ts";

export interface Runtime {
  readonly WebSocket: typeof globalThis.WebSocket;
  /** Bytes that have come over a socket; 0 where nobody can tell. */
  readonly receivedBytes: (socket: globalThis.WebSocket) => number;
  readonly fetch: typeof globalThis.fetch;
  /** Milliseconds from some moment on; never set back. */
  readonly now: () => number;
  /** Runs something later; the function that it gives calls it off. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** Calls back whenever links may have died unseen; the function that it gives ends that. */
  readonly onWake: (woken: () => void) => () => void;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** Timers of all platforms fire at once where the wait does not fit 31 bits. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

export const PLATFORM_RUNTIME: Runtime = {
  WebSocket,
  receivedBytes,
  fetch: (input, init) => globalThis.fetch(input, init),
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, Math.min(ms, TIMER_MAX_MS));
    return () => clearTimeout(timer);
  },
  onWake,
  random: () => Math.random(),
};
