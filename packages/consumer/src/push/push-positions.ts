// The position of each subscription in each topic, stored in the log's engine. Positions are
// written in batches: after a crash, messages delivered since the last write are delivered again.
import { formatPosition, parsePosition, type Position } from "@shardcast/protocol";
import type { Runtime, Timer } from "@shardcast/process";
import type { StateStore } from "@shardcast/log";

const WRITE_MS = 100;
const WRITE_MESSAGES = 64;
const RETRY_MS = 250;
const POLL_MS = 5;
const DELETE_KEYS = 500;

export class PushPositions {
  readonly #state: StateStore;
  readonly #runtime: Runtime;
  readonly #onError: (error: unknown) => void;
  #dirty = new Map<string, string>();
  #writing = new Map<string, string>();
  #messages = 0;
  #timer: Timer | undefined;
  #isFailing = false;

  constructor(state: StateStore, runtime: Runtime, onError: (error: unknown) => void) {
    this.#state = state;
    this.#runtime = runtime;
    this.#onError = onError;
  }

  /** Returns a stored position, or undefined. @throws SHARDCAST_LOG_UNAVAILABLE */
  async get(key: string): Promise<Position | undefined> {
    const text = this.#dirty.get(key) ?? this.#writing.get(key) ?? (await this.#state.get(key));
    return text === undefined ? undefined : parsePosition(text);
  }

  /** Sets the position after one more message was delivered. */
  set(key: string, position: Position): void {
    this.#dirty.set(key, formatPosition(position));
    this.#messages += 1;
    if (this.#messages >= WRITE_MESSAGES && !this.#isFailing) this.flush();
    else
      this.#timer ??= this.#runtime.setTimeout(
        () => this.flush(),
        this.#isFailing ? RETRY_MS : WRITE_MS,
      );
  }

  /** Writes the changed positions, unless a write is in progress, which is followed by another. */
  flush(): void {
    if (this.#writing.size > 0 || this.#dirty.size === 0) return;
    this.#runtime.clear(this.#timer);
    this.#timer = undefined;
    this.#writing = this.#dirty;
    this.#dirty = new Map();
    this.#messages = 0;
    this.#state.set(this.#writing).then(
      () => this.#written(),
      (error: unknown) => this.#notWritten(error),
    );
  }

  /** Waits until everything is written, or until the deadline. */
  async settled(deadline: number): Promise<void> {
    while (this.#dirty.size + this.#writing.size > 0 && this.#runtime.steady() < deadline) {
      if (!this.#isFailing) this.flush();
      await new Promise<void>((resolve) => this.#runtime.setTimeout(resolve, POLL_MS));
    }
  }

  /** Deletes all keys with a prefix. */
  async forget(prefix: string): Promise<void> {
    for (const key of this.#dirty.keys()) if (key.startsWith(prefix)) this.#dirty.delete(key);
    for (;;) {
      const entries = await this.#state.list(prefix, "", DELETE_KEYS);
      await this.#state.delete(entries.map(([key]) => key));
      if (entries.length < DELETE_KEYS) return;
    }
  }

  close(): void {
    this.#runtime.clear(this.#timer);
  }

  #written(): void {
    this.#writing = new Map();
    this.#isFailing = false;
    // Positions set meanwhile have waited long enough.
    this.flush();
  }

  #notWritten(error: unknown): void {
    if (!this.#isFailing) this.#onError(error);
    this.#isFailing = true;
    this.#dirty = new Map([...this.#writing, ...this.#dirty]);
    this.#writing = new Map();
    this.#runtime.clear(this.#timer);
    this.#timer = this.#runtime.setTimeout(() => this.flush(), RETRY_MS);
  }
}
