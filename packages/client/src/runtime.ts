// The SDK's access to sockets, HTTP, time and randomness. All of it goes through this object, so that a test can
// replace it.
import { WebSocket, receivedBytes } from "#platform";
import { watch, type Observer } from "./surroundings.ts";

export interface Runtime {
  readonly WebSocket: typeof globalThis.WebSocket;
  /** Number of bytes received over a socket; 0 if the platform does not report it. */
  readonly receivedBytes: (socket: globalThis.WebSocket) => number;
  readonly fetch: typeof globalThis.fetch;
  /** Monotonic time in ms, from an arbitrary start. */
  readonly now: () => number;
  /** Runs a function after a delay. Returns a function that cancels it. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** Reports changes of the page, the network and the machine. Returns a function that ends the reports. */
  readonly watch: (observer: Observer) => () => void;
  /** Whether the platform knows that it has no network. */
  readonly isOffline: () => boolean;
  /** A random number from 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number;
}

/** On all platforms a timer with a delay of more than 31 bits fires immediately. */
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
  watch,
  isOffline: () => {
    const { navigator } = globalThis as { readonly navigator?: Partial<Navigator> };
    // Node before 21 has no navigator, and no Node knows.
    return navigator?.onLine === false;
  },
  random: () => Math.random(),
};
