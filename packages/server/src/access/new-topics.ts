// Limits how many topics one user, and one address, may create per second. A topic counts if this
// node has not routed to it lately. Each costs its owner memory and disk for at least a day.
import { TokenBucket } from "@shardcast/process";

export class NewTopics {
  readonly #topicsPerSecond: number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param topicsPerSecond the limit of each user and each address; Infinity for no limit */
  constructor(topicsPerSecond: number) {
    this.#topicsPerSecond = topicsPerSecond;
  }

  /**
   * Counts one topic against every holder. @param holders the user and the address @returns false,
   * and counts nothing, if one of them has reached its limit
   */
  take(holders: readonly string[], now: number): boolean {
    if (this.#topicsPerSecond === Infinity) return true;
    const buckets = holders.map((holder) => this.#bucketOf(holder, now));
    const taken = buckets.filter((bucket) => bucket.take(1, now));
    if (taken.length === buckets.length) return true;
    for (const bucket of taken) bucket.giveBack(1);
    return false;
  }

  /** Deletes the buckets that are full, since new ones would allow no more. */
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
