// What the links of one user take of a node together.
import { TokenBucket } from "./token-bucket.ts";

export interface BucketUse {
  readonly bucket: TokenBucket;
  readonly units: number;
}

export class UserUsage {
  linkCount = 0;
  readonly #publishes: TokenBucket;
  readonly #bytes: TokenBucket;

  constructor(publishesPerSecond: number, bytesPerSecond: number, now: number) {
    this.#publishes = new TokenBucket(publishesPerSecond, now);
    this.#bytes = new TokenBucket(bytesPerSecond, now);
  }

  /** What one publish takes. */
  buckets(bytes: number): readonly BucketUse[] {
    return [
      { bucket: this.#publishes, units: 1 },
      { bucket: this.#bytes, units: bytes },
    ];
  }

  /** It may be forgotten: a new one would allow no more. */
  isIdle(now: number): boolean {
    return this.linkCount === 0 && this.#publishes.isFull(now) && this.#bytes.isFull(now);
  }
}
