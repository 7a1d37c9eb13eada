// Pages of messages that a node has in hand: being read, or not taken by their clients yet. Each is some MiB, so
// there are only so many, and none waits for its client for ever.
import type { ServerResponse } from "node:http";
import { ShardcastError } from "@shardcast/protocol";

const MAX_PAGES = 128;
const SEND_MS = 30_000;

export interface PageSlotsOptions {
  /** @default 128 */
  readonly maxPages?: number;
  /** How long a page may be in hand, in ms. @default 30000 */
  readonly sendMs?: number;
}

export class PageSlots {
  readonly #maxPages: number;
  readonly #sendMs: number;
  #count = 0;

  constructor({ maxPages = MAX_PAGES, sendMs = SEND_MS }: PageSlotsOptions = {}) {
    this.#maxPages = maxPages;
    this.#sendMs = sendMs;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Takes a slot until the response has left, or its time is over.
   * @throws SHARDCAST_NODE_FULL
   */
  take(response: ServerResponse): void {
    if (this.#count >= this.#maxPages) {
      throw new ShardcastError("SHARDCAST_NODE_FULL", "too many pages are being read");
    }
    this.#count += 1;
    let isHeld = true;
    const release = (): void => {
      if (!isHeld) return;
      isHeld = false;
      this.#count -= 1;
      clearTimeout(timer);
    };
    // A response that waits behind another one is not told when its connection ends: then this is its end.
    const timer = setTimeout(() => {
      response.destroy();
      release();
    }, this.#sendMs).unref();
    response.once("close", release);
  }
}
