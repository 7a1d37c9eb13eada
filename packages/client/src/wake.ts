// When links may be dead without a sign: the network is back, the page is shown again, or time has jumped, which is
// how a sleep looks from inside.

/** A tick that comes so much too late was slept through. */
const TICK_MS = 5000;

/**
 * Calls `woken` at each such moment, which may come several times for one.
 * @returns what ends it
 */
export function onWake(woken: () => void): () => void {
  const stops = [watchTime(woken)];
  // Node has neither events of its own nor pages.
  const { document } = globalThis as { document?: Document | undefined };
  if (typeof globalThis.addEventListener === "function") {
    for (const name of ["online", "pageshow"]) stops.push(listen(globalThis, name, woken));
  }
  if (document !== undefined) {
    stops.push(
      listen(document, "visibilitychange", () => {
        if (document.visibilityState === "visible") woken();
      }),
    );
  }
  return () => {
    for (const stop of stops) stop();
  };
}

/** The wall clock goes on while a machine sleeps. One that was set costs a ping. */
function watchTime(woken: () => void): () => void {
  let last = Date.now();
  const timer: unknown = setInterval(() => {
    const now = Date.now();
    if (now - last > 2 * TICK_MS) woken();
    last = now;
  }, TICK_MS);
  // In Node it must not keep the process alive.
  if (typeof timer === "object" && timer !== null && "unref" in timer) {
    (timer as { unref: () => void }).unref();
  }
  return () => clearInterval(timer as number);
}

function listen(target: EventTarget, name: string, listener: () => void): () => void {
  target.addEventListener(name, listener);
  return () => target.removeEventListener(name, listener);
}
