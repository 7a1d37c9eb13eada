// Limits the pages of messages that a node holds: pages that are being read, and pages that clients
// have not taken yet. A page may have some MiB. Each user or address may use only a share of the
// slots, and a client that does not read loses its slot.
import type { ServerResponse } from "node:http";
import { Shares, bytesTaken } from "@shardcast/process";
import { ShardcastError } from "@shardcast/protocol";

const MAX_PAGES = 128;
/** One user or address may use this fraction of the slots: 1/SHARES. */
const SHARES = 8;
const STALL_MS = 5000;
const LOOKS = 4;
/**
 * The longest time for sending a page, and for waiting behind another response of the connection.
 */
const MAX_SEND_MS = 120_000;
const MAX_WAIT_MS = 30_000;

export interface PageSlotsOptions {
  /** @default 128 */
  readonly maxPages?: number;
  /** How long a client may take no bytes of a page, in ms. @default 5000 */
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
   * Takes a slot, and holds it until the response was sent or its client has stopped reading.
   * @param holders the user and the address whose shares are used
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
      // A response that waits behind another one gets no event when its connection ends.
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
