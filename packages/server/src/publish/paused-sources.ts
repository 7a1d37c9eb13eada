// The sources that a node has paused because it holds too many bytes.

/** A source whose reading can be paused. Each pause needs its own resume. */
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
