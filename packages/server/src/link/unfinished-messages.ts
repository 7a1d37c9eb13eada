// What a node holds of WebSocket messages that are not whole yet: `ws` gathers a message until its end, and each link
// may have one of some MiB. So there is room for so much in all, and of one user, and of one address.
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
   * Changes what is held of a link. Whoever has the pre-shared key counts for nobody.
   * @returns whether there was room
   */
  change(access: LinkAccess | undefined, from: number, to: number): boolean {
    const holders = holdersOf(access);
    if (to > from) return this.#shares.take(holders, to - from) === undefined;
    this.#shares.give(holders, from - to);
    return true;
  }
}
