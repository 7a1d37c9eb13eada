// Limits publishes per second, and their bytes per second. A publish must fit in both limits.
import { TokenBucket } from "@shardcast/process";

export class PublishAllowance {
  readonly #publishes: TokenBucket;
  readonly #bytes: TokenBucket;

  constructor(publishesPerSecond: number, bytesPerSecond: number, now: number) {
    this.#publishes = new TokenBucket(publishesPerSecond, now);
    this.#bytes = new TokenBucket(bytesPerSecond, now);
  }

  /**
   * Takes one publish of `bytes` bytes. Returns false, and takes nothing, if either limit is
   * reached.
   */
  take(bytes: number, now: number): boolean {
    if (!this.#publishes.take(1, now)) return false;
    if (this.#bytes.take(bytes, now)) return true;
    this.#publishes.giveBack(1);
    return false;
  }

  /** Whether a publish would be taken now. Takes nothing. */
  hasRoom(now: number): boolean {
    return this.#publishes.take(0, now) && this.#bytes.take(0, now);
  }

  /** Returns what a publish took that was refused after all. */
  giveBack(bytes: number): void {
    this.#publishes.giveBack(1);
    this.#bytes.giveBack(bytes);
  }

  /** Whether a new allowance would allow no more. */
  isFull(now: number): boolean {
    return this.#publishes.isFull(now) && this.#bytes.isFull(now);
  }
}
