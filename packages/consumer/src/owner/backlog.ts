// Counts the bytes of publishes that wait for running commits, or for their topics to be opened.
import { PausedSources, type Pausable } from "@shardcast/server";

/** Above this, sources are paused until fewer bytes wait. */
const MAX_BYTES = 64 * 1024 * 1024;

export class Backlog {
  readonly #paused = new PausedSources();
  #bytes = 0;

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  remove(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes <= MAX_BYTES) this.#paused.resumeAll();
  }

  pauseIfFull(source: Pausable | undefined): void {
    if (this.#bytes > MAX_BYTES) this.#paused.pause(source);
  }
}
