// Shifts the wall clock of a node's process with Debian's libfaketime. The monotonic clock is not
// affected.
import { spawnSync } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";

/** Clocks that are wrong by minutes or days, in both directions. */
export const WRONG_CLOCKS = ["+3d", "-3d", "+10m", "-10m"] as const;
const RIGHT = "+0";

export class NodeClock {
  readonly #file: string;
  readonly #library: string;

  private constructor(file: string, library: string) {
    this.#file = file;
    this.#library = library;
    this.set(RIGHT);
  }

  /** @returns undefined if faketime is not installed */
  static at(file: string): NodeClock | undefined {
    const command = ["-f", RIGHT, "sh", "-c", "echo $LD_PRELOAD"];
    const { status, stdout } = spawnSync("faketime", command, { encoding: "utf8" });
    return status === 0 ? new NodeClock(file, stdout.trim()) : undefined;
  }

  /** The environment of a process that uses this clock. */
  get env(): Readonly<Record<string, string>> {
    return {
      LD_PRELOAD: this.#library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: "1",
      DONT_FAKE_MONOTONIC: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    };
  }

  /** @param clock the difference from the right time, such as `+3d` */
  set(clock: string): void {
    // Replaces the file atomically, since the process reads it all the time.
    writeFileSync(`${this.#file}.new`, clock);
    renameSync(`${this.#file}.new`, this.#file);
  }

  setRight(): void {
    this.set(RIGHT);
  }
}
