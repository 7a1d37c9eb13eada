// How many topics one user, and one address, may begin in a time: topics that this node has not routed lately. Each
// of them costs its owner memory and disk for a day at the least.
import { TokenBucket } from "@shardcast/process";

export class NewTopics {
  readonly #topicsPerSecond: number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param topicsPerSecond of one of them; Infinity where there is no limit */
  constructor(topicsPerSecond: number) {
    this.#topicsPerSecond = topicsPerSecond;
  }

  /** @param holders whose limits it counts against: all of them have to have room */
  take(holders: readonly string[], now: number): boolean {
    if (this.#topicsPerSecond === Infinity) return true;
    const buckets = holders.map((holder) => this.#bucketOf(holder, now));
    const taken = buckets.filter((bucket) => bucket.take(1, now));
    if (taken.length === buckets.length) return true;
    for (const bucket of taken) bucket.giveBack(1);
    return false;
  }

  /** Forgets those whom a new bucket would allow no more. */
  tidy(now: number): void {
    for (const [holder, bucket] of this.#buckets) {
      if (bucket.isFull(now)) this.#buckets.delete(holder);
    }
  }

  #bucketOf(holder: string, now: number): TokenBucket {
    const known = this.#buckets.get(holder);
    if (known !== undefined) return known;
    const bucket = new TokenBucket(this.#topicsPerSecond, now);
    this.#buckets.set(holder, bucket);
    return bucket;
  }
}
