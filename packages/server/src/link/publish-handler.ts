// Handles the frames of the endpoints that publish: /produce, /producer and, together with the
// subscriber handler, /connect.
import { ShardcastError } from "@shardcast/protocol";
import type { HandledLink } from "./link-handler.ts";
import type { LinkHandler } from "./link-handler.ts";
import type { PublishOrigin } from "../publish/publish-target.ts";
import type { PublishRouter } from "../publish/publish-router.ts";

export class PublishHandler implements LinkHandler {
  readonly #router: PublishRouter;
  readonly #windowMessages: number;
  /** Counts for the node's metrics: publishes and their bytes. */
  readonly counters = { received: 0, bytes: 0 };

  constructor(router: PublishRouter, windowMessages: number) {
    this.#router = router;
    this.#windowMessages = windowMessages;
  }

  opened(): void {
    // A publishing link needs no state before its first frame.
  }

  received(link: HandledLink, _type: number, bytes: Uint8Array, start: number, end: number): void {
    this.publish(link, bytes, start, end, this.#windowMessages);
  }

  /**
   * Accepts the publish frame between `start` and `end` of `bytes`.
   * @throws SHARDCAST_FRAME_MALFORMED
   */
  publish(
    origin: PublishOrigin,
    bytes: Uint8Array,
    start: number,
    end: number,
    windowMessages: number,
  ): void {
    this.counters.received += 1;
    this.counters.bytes += end - start;
    if (!this.#router.publish(origin, bytes, start, end, windowMessages)) {
      throw new ShardcastError("SHARDCAST_FRAME_MALFORMED", "a publish frame breaks its layout");
    }
  }

  writable(): void {
    // Acks wait in the link itself.
  }

  closed(): void {
    // Publishes in flight still go to the topic's owner; their acks are dropped because the link is
    // closed.
  }
}
