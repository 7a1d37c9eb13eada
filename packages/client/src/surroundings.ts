// Watches what happens around the client: the network, the page, and the machine's sleep. Node has neither pages nor
// network events; there only the sleep is noticed.

/** Interval of the clock check, in ms. If a tick is late by more than this, the machine slept. */
const TICK_MS = 5000;

export interface Observer {
  /**
   * Links may have died without notice: the network returned or changed, the page is shown again, or the machine slept.
   * Possibly called several times for one cause.
   */
  readonly onWake: () => void;
  /** The platform reports that there is no network. */
  readonly onOffline: () => void;
  /** The page is left, or frozen to be shown again later. */
  readonly onPageLeft: () => void;
}

/** The part of the Network Information API that is used. Not all browsers have it. */
type NavigatorWithConnection = Navigator & { readonly connection?: EventTarget | undefined };

/** @returns a function that stops it */
export function watch(observer: Observer): () => void {
  const { onWake, onOffline, onPageLeft } = observer;
  const stops = [watchTime(onWake)];
  const { document, navigator, addEventListener } = globalThis as Partial<typeof globalThis>;
  if (typeof addEventListener === "function") {
    stops.push(
      listen(globalThis, "online", onWake),
      listen(globalThis, "offline", onOffline),
      listen(globalThis, "pageshow", onWake),
      listen(globalThis, "pagehide", onPageLeft),
    );
  }
  if (document !== undefined) {
    stops.push(
      listen(document, "visibilitychange", () => {
        if (document.visibilityState === "visible") onWake();
      }),
    );
  }
  const { connection } = (navigator ?? {}) as Partial<NavigatorWithConnection>;
  if (typeof connection?.addEventListener === "function") {
    stops.push(listen(connection, "change", onWake));
  }
  return () => {
    for (const stop of stops) stop();
  };
}

/** The wall clock continues while a machine sleeps. If the clock was set, the cost is one ping. */
function watchTime(onWake: () => void): () => void {
  let last = Date.now();
  const timer: unknown = setInterval(() => {
    const now = Date.now();
    if (now - last > 2 * TICK_MS) onWake();
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
