// Bytes of publishes that wait for the commits under way, or for their topics to be opened.
import { PausedSources, type Pausable } from "@shardcast/server";

/** Sources that bring more are paused until less waits. */
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
