// Limits the new sessions of an address. Each session may create topics, which exist as long as their messages are
// retained, so a client that repeatedly connects without a session would create more and more topics.
import { TokenBucket } from "@shardcast/process";

const HOUR_S = 60 * 60;

export class NewSessions {
  readonly #perHour: number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param perHour also the maximum number at once */
  constructor(perHour: number) {
    this.#perHour = perHour;
  }

  /** Counts a new session of an address. @returns false if the address has reached its limit */
  begin(address: string): boolean {
    const now = performance.now();
    let bucket = this.#buckets.get(address);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#perHour / HOUR_S, now, this.#perHour);
      this.#buckets.set(address, bucket);
    }
    return bucket.take(1, now);
  }

  /** Forgets addresses whose limit is fully restored. */
  sweep(): void {
    const now = performance.now();
    for (const [address, bucket] of this.#buckets) {
      if (bucket.isFull(now)) this.#buckets.delete(address);
    }
  }
}
