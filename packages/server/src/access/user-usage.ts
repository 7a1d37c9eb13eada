// Counts the links and publishes of one user at a node.
import { PublishAllowance } from "./publish-allowance.ts";

export class UserUsage {
  linkCount = 0;
  readonly allowance: PublishAllowance;

  constructor(publishesPerSecond: number, bytesPerSecond: number, now: number) {
    this.allowance = new PublishAllowance(publishesPerSecond, bytesPerSecond, now);
  }

  /** Whether it can be deleted, because a new one would allow no more. */
  isIdle(now: number): boolean {
    return this.linkCount === 0 && this.allowance.isFull(now);
  }
}
