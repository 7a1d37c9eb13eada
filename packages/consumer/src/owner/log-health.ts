// Whether the log can be written, by the result of the last commit or, after a failed commit, of
// the last probe. Probes are needed because a node that is not ready may get no more publishes.
import type { Log } from "@shardcast/log";
import { publicReason, type Runtime } from "@shardcast/process";

const PROBE_MS = 1000;
/**
 * The keys in the log's state that a probe writes. A single small text might fit where no message
 * does.
 */
const PROBE_KEYS = ["probe:1", "probe:2", "probe:3", "probe:4"];
const PROBE_BYTES = 60_000;

export class LogHealth {
  readonly #log: Log;
  readonly #runtime: Runtime;
  readonly #onError: (error: unknown) => void;
  #fault: string | undefined;
  #isProbing = false;

  /** @param onError called with the first of several failures in a row */
  constructor(log: Log, runtime: Runtime, onError: (error: unknown) => void) {
    this.#log = log;
    this.#runtime = runtime;
    this.#onError = onError;
  }

  /** Why the last write failed; undefined if it succeeded. */
  get fault(): string | undefined {
    return this.#log.fault ?? this.#fault;
  }

  commitFailed(error: unknown): void {
    if (this.#fault === undefined) this.#onError(error);
    this.#fault = publicReason(error).slice(0, 100);
  }

  committed(): void {
    this.#fault = undefined;
  }

  /** After a failed commit, writes a probe every second until one succeeds. */
  probe(): void {
    const { state, fault } = this.#log;
    if (this.#fault === undefined || this.#isProbing || fault !== undefined) return;
    this.#isProbing = true;
    const timer = this.#runtime.setTimeout(() => {
      const value = "-".repeat(PROBE_BYTES);
      state
        .set(PROBE_KEYS.map((key) => [key, value]))
        .then(() => state.delete(PROBE_KEYS))
        .then(
          () => this.committed(),
          () => undefined,
        )
        .finally(() => {
          this.#isProbing = false;
        });
    }, PROBE_MS);
    timer.unref();
  }
}
