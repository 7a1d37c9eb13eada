// Sources that a node does not read from while it holds too much.

/** Can be read no further for a while. Each pause needs a resume of its own. */
export interface Pausable {
  pauseReading(): void;
  resumeReading(): void;
}

export class PausedSources {
  readonly #paused = new Set<Pausable>();

  pause(source: Pausable | undefined): void {
    if (source === undefined || this.#paused.has(source)) return;
    this.#paused.add(source);
    source.pauseReading();
  }

  resumeAll(): void {
    if (this.#paused.size === 0) return;
    for (const source of this.#paused) source.resumeReading();
    this.#paused.clear();
  }
}
