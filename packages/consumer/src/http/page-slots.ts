// Pages of messages that a node has in hand: being read, or not taken by their clients yet. Each may be some MiB, so
// there are only so many, one user or address has a share of them alone, and none waits for a client that does not
// read.
import type { ServerResponse } from "node:http";
import { Shares, bytesTaken } from "@shardcast/process";
import { ShardcastError } from "@shardcast/protocol";

const MAX_PAGES = 128;
/** One user or address may have so many times less. */
const SHARES = 8;
const STALL_MS = 5000;
const LOOKS = 4;
/** However slowly it is read; and one that waits behind another answer of its connection. */
const MAX_SEND_MS = 120_000;
const MAX_WAIT_MS = 30_000;

export interface PageSlotsOptions {
  /** @default 128 */
  readonly maxPages?: number;
  /** How long a client may take nothing of a page, in ms. @default 5000 */
  readonly stallMs?: number;
}

export class PageSlots {
  readonly #shares: Shares;
  readonly #share: number;
  readonly #stallMs: number;

  constructor({ maxPages = MAX_PAGES, stallMs = STALL_MS }: PageSlotsOptions = {}) {
    this.#share = Math.ceil(maxPages / SHARES);
    this.#shares = new Shares({ inAll: maxPages, each: this.#share });
    this.#stallMs = stallMs;
  }

  get count(): number {
    return this.#shares.taken;
  }

  /**
   * Takes a slot until the response has left, or is not read any more.
   * @param holders whose shares it takes
   * @throws SHARDCAST_NODE_FULL
   */
  take(response: ServerResponse, holders: readonly string[]): void {
    const lack = this.#shares.take(holders, 1);
    if (lack === "inAll") {
      throw new ShardcastError("SHARDCAST_NODE_FULL", "too many pages are being read");
    }
    if (lack === "each") {
      throw new ShardcastError(
        "SHARDCAST_NODE_FULL",
        `one user or address may read ${this.#share} pages at once`,
      );
    }
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#shares.give(holders, 1);
      clearInterval(timer);
    };
    const timer = this.#watch(response, () => {
      response.destroy();
      // A response that waits behind another one is not told when its connection ends.
      release();
    });
    response.once("close", release);
  }

  #watch(response: ServerResponse, end: () => void): NodeJS.Timeout {
    const lookMs = this.#stallMs / LOOKS;
    let waitedMs = 0;
    let before = -1;
    let stalledLooks = 0;
    return setInterval(() => {
      const { socket, writableLength } = response;
      waitedMs += lookMs;
      const taken = socket === null ? -1 : bytesTaken(socket);
      const isStalled = socket !== null && writableLength > 0 && taken === before;
      stalledLooks = isStalled ? stalledLooks + 1 : 0;
      before = taken;
      const isOver = waitedMs >= (socket === null ? MAX_WAIT_MS : MAX_SEND_MS);
      if (stalledLooks >= LOOKS || isOver) end();
    }, lookMs).unref();
  }
}
