// Counts the bytes of unfinished WebSocket messages that a node holds. `ws` gathers a message until
// its end, and each link may have one of some MiB, so the bytes are limited in total, per user and
// per address.
import { Shares, type ShareLimits } from "@shardcast/process";
import { holdersOf } from "../access/holders.ts";
import type { LinkAccess } from "../access/link-access.ts";

export class UnfinishedMessages {
  readonly #shares: Shares;

  constructor(limits: ShareLimits) {
    this.#shares = new Shares(limits);
  }

  get bytes(): number {
    return this.#shares.taken;
  }

  /**
   * Changes the number of bytes that are held for a link. A link that knows the pre-shared key
   * counts only towards the total.
   * @returns whether there was room
   */
  change(access: LinkAccess | undefined, from: number, to: number): boolean {
    const holders = holdersOf(access);
    if (to > from) return this.#shares.take(holders, to - from) === undefined;
    this.#shares.give(holders, from - to);
    return true;
  }
}
