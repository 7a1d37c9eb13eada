// Pages of messages that a node has in hand: being read, or not taken by their clients yet. Each may be some MiB, so
// there are only so many, one user or address has a share of them alone, and none waits for a client that does not
// read.
import type { ServerResponse } from "node:http";
import { ShardcastError } from "@shardcast/protocol";
import { bytesTaken } from "@shardcast/server";

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
  readonly #maxPages: number;
  readonly #stallMs: number;
  readonly #byOwner = new Map<string, number>();
  #count = 0;

  constructor({ maxPages = MAX_PAGES, stallMs = STALL_MS }: PageSlotsOptions = {}) {
    this.#maxPages = maxPages;
    this.#stallMs = stallMs;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Takes a slot until the response has left, or is not read any more.
   * @param owners whose share it is
   * @throws SHARDCAST_NODE_FULL
   */
  take(response: ServerResponse, owners: readonly string[]): void {
    const share = Math.ceil(this.#maxPages / SHARES);
    if (this.#count >= this.#maxPages) {
      throw new ShardcastError("SHARDCAST_NODE_FULL", "too many pages are being read");
    }
    if (owners.some((owner) => (this.#byOwner.get(owner) ?? 0) >= share)) {
      throw new ShardcastError("SHARDCAST_NODE_FULL", `${share} pages at once are one's share`);
    }
    this.#add(owners, 1);
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#add(owners, -1);
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

  #add(owners: readonly string[], change: 1 | -1): void {
    this.#count += change;
    for (const owner of owners) {
      const count = (this.#byOwner.get(owner) ?? 0) + change;
      if (count > 0) this.#byOwner.set(owner, count);
      else this.#byOwner.delete(owner);
    }
  }
}
