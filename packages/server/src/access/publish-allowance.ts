// How many publishes, and how many bytes of them, may come in a time: each publish takes of both, or is refused.
import { TokenBucket } from "@shardcast/process";

export class PublishAllowance {
  readonly #publishes: TokenBucket;
  readonly #bytes: TokenBucket;

  constructor(publishesPerSecond: number, bytesPerSecond: number, now: number) {
    this.#publishes = new TokenBucket(publishesPerSecond, now);
    this.#bytes = new TokenBucket(bytesPerSecond, now);
  }

  /** Takes one publish of so many bytes; nothing where either is used up. */
  take(bytes: number, now: number): boolean {
    if (!this.#publishes.take(1, now)) return false;
    if (this.#bytes.take(bytes, now)) return true;
    this.#publishes.giveBack(1);
    return false;
  }

  /** Gives back what was taken for a publish that was refused after all. */
  giveBack(bytes: number): void {
    this.#publishes.giveBack(1);
    this.#bytes.giveBack(bytes);
  }

  /** Nobody would notice if it were a new one. */
  isFull(now: number): boolean {
    return this.#publishes.isFull(now) && this.#bytes.isFull(now);
  }
}
