// The message ids of a topic's last minutes. Two generations: looking up asks both, and when one has had
// its time, the elder is dropped whole. So an id is known for one to two windows, and forgetting costs nothing.

export interface DedupeOptions {
  /** How long an id is known at the least. @default 120_000 */
  readonly windowMs: number;
  /** Ids of one generation; with more, the window is cut short. @default 200_000 */
  readonly maxIds: number;
}

export class DedupeWindow {
  readonly #options: DedupeOptions;
  #young = new Map<string, number>();
  #old: Map<string, number> | undefined;
  #turnsAt = 0;

  constructor(options: DedupeOptions) {
    this.#options = options;
  }

  /** Nothing is known: to begin anew would make no difference. */
  get isEmpty(): boolean {
    return this.#young.size === 0 && this.#old === undefined;
  }

  /** The offset under which an id was stored. */
  get(messageId: string): number | undefined {
    return this.#young.get(messageId) ?? this.#old?.get(messageId);
  }

  set(messageId: string, offset: number, now: number): void {
    this.expire(now);
    this.#young.set(messageId, offset);
  }

  /** For a message that was not stored after all. */
  delete(messageId: string): void {
    this.#young.delete(messageId);
    this.#old?.delete(messageId);
  }

  /** Drops what has had its time. */
  expire(now: number): void {
    if (now < this.#turnsAt && this.#young.size < this.#options.maxIds) return;
    const isIdle = now >= this.#turnsAt + this.#options.windowMs;
    this.#old = isIdle || this.#young.size === 0 ? undefined : this.#young;
    this.#young = new Map();
    this.#turnsAt = now + this.#options.windowMs;
  }
}
