// How many sessions an address may begin. Each may have topics, which stay for as long as messages are kept: whoever
// opens sockets without a session, again and again, makes more and more of them.
import { TokenBucket } from "@shardcast/process";

const HOUR_S = 60 * 60;

export class NewSessions {
  readonly #perHour: number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param perHour also how many may begin at once */
  constructor(perHour: number) {
    this.#perHour = perHour;
  }

  /** Whether an address may begin one; if so, it has. */
  begin(address: string): boolean {
    const now = performance.now();
    let bucket = this.#buckets.get(address);
    if (bucket === undefined) {
      bucket = new TokenBucket(this.#perHour / HOUR_S, now, this.#perHour);
      this.#buckets.set(address, bucket);
    }
    return bucket.take(1, now);
  }

  /** Forgets addresses that may begin as many as any other. */
  sweep(): void {
    const now = performance.now();
    for (const [address, bucket] of this.#buckets) {
      if (bucket.isFull(now)) this.#buckets.delete(address);
    }
  }
}
