// Cancels publishes when the application's AbortSignal aborts. All publishes with the same signal share one
// listener, because Node warns of a leak when a signal has more than ten.
import type { Publication } from "./publication.ts";

interface WatchedSignal {
  readonly publications: Set<Publication>;
  readonly listener: () => void;
}

export class Aborts {
  readonly #bySignal = new Map<AbortSignal, WatchedSignal>();

  /** Rejects the publish with the signal's reason when the signal aborts, unless it was answered before. */
  add(publication: Publication, signal: AbortSignal): void {
    const { publications } = this.#bySignal.get(signal) ?? this.#watch(signal);
    publications.add(publication);
    publication.onSettled = () => this.#letGo(publication, signal);
  }

  #watch(signal: AbortSignal): WatchedSignal {
    const publications = new Set<Publication>();
    const listener = (): void => {
      for (const publication of publications) publication.fail(signal.reason);
    };
    const watched = { publications, listener };
    signal.addEventListener("abort", listener);
    this.#bySignal.set(signal, watched);
    return watched;
  }

  #letGo(publication: Publication, signal: AbortSignal): void {
    const watched = this.#bySignal.get(signal);
    if (watched === undefined) return;
    watched.publications.delete(publication);
    if (watched.publications.size > 0) return;
    signal.removeEventListener("abort", watched.listener);
    this.#bySignal.delete(signal);
  }
}
