// Counts the members of a topic per user and per address at this node, so that none of them fills a
// topic alone.
import { holdersOf, type LinkAccess } from "@shardcast/server";

export class PresenceShares {
  readonly #maxEach: number;
  /** By holder and topic. */
  readonly #counts = new Map<string, number>();

  constructor(maxEach: number) {
    this.#maxEach = maxEach;
  }

  /** Whether each of the holders may have one more member. */
  hasRoom(holders: readonly string[]): boolean {
    return holders.every((holder) => (this.#counts.get(holder) ?? 0) < this.#maxEach);
  }

  take(holders: readonly string[]): void {
    for (const holder of holders) this.#counts.set(holder, (this.#counts.get(holder) ?? 0) + 1);
  }

  give(holders: readonly string[]): void {
    for (const holder of holders) {
      const left = (this.#counts.get(holder) ?? 0) - 1;
      if (left > 0) this.#counts.set(holder, left);
      else this.#counts.delete(holder);
    }
  }
}

/** The holders, per topic, whose shares a member uses. */
export function presenceHoldersOf(
  topic: string,
  access: LinkAccess | undefined,
): readonly string[] {
  return holdersOf(access).map((holder) => `${holder}\n${topic}`);
}
