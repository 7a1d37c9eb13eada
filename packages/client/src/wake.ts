// Detects moments when links may have died without notice: the network returned, the page became visible again, or
// time jumped, which happens when the machine slept.

/** Interval of the clock check, in ms. If a tick is late by more than this, the machine slept. */
const TICK_MS = 5000;

/**
 * Calls `listener` at each such moment, possibly several times for one.
 * @returns a function that stops it
 */
export function onWake(listener: () => void): () => void {
  const stops = [watchTime(listener)];
  // Node has neither these events nor pages.
  const { document } = globalThis as { document?: Document | undefined };
  if (typeof globalThis.addEventListener === "function") {
    for (const name of ["online", "pageshow"]) stops.push(listen(globalThis, name, listener));
  }
  if (document !== undefined) {
    stops.push(
      listen(document, "visibilitychange", () => {
        if (document.visibilityState === "visible") listener();
      }),
    );
  }
  return () => {
    for (const stop of stops) stop();
  };
}

/** The wall clock continues while a machine sleeps. If the clock was set, the cost is one ping. */
function watchTime(listener: () => void): () => void {
  let last = Date.now();
  const timer: unknown = setInterval(() => {
    const now = Date.now();
    if (now - last > 2 * TICK_MS) listener();
    last = now;
  }, TICK_MS);
  // In Node the timer must not keep the process alive.
  if (typeof timer === "object" && timer !== null && "unref" in timer) {
    (timer as { unref: () => void }).unref();
  }
  return () => clearInterval(timer as number);
}

function listen(target: EventTarget, name: string, listener: () => void): () => void {
  target.addEventListener(name, listener);
  return () => target.removeEventListener(name, listener);
}
