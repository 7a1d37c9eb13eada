// Publishes that an AbortSignal of the application's gives up: one listener for each signal, however many publishes
// share it. Node warns of a leak where a signal has more than ten.
import type { Publication } from "./publication.ts";

interface Watched {
  readonly publications: Set<Publication>;
  readonly listener: () => void;
}

export class Aborts {
  readonly #bySignal = new Map<AbortSignal, Watched>();

  /** Fails the publish with the signal's reason, unless it has its answer sooner. */
  add(publication: Publication, signal: AbortSignal): void {
    const { publications } = this.#bySignal.get(signal) ?? this.#watch(signal);
    publications.add(publication);
    publication.letGo = () => this.#letGo(publication, signal);
  }

  #watch(signal: AbortSignal): Watched {
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
