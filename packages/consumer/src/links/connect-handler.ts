// /connect: one link that both publishes and subscribes, for clients that can hold only one link.
import { FRAME_TYPES } from "@shardcast/protocol";
import type { HandledLink, LinkHandler, LinkTarget, PublishHandler } from "@shardcast/server";
import type { SubscriberHandler } from "./subscriber-handler.ts";

export class ConnectHandler implements LinkHandler {
  readonly #publishes: PublishHandler;
  readonly #subscriptions: SubscriberHandler;

  constructor(publishes: PublishHandler, subscriptions: SubscriberHandler) {
    this.#publishes = publishes;
    this.#subscriptions = subscriptions;
  }

  opened(link: HandledLink, target: LinkTarget): void {
    this.#subscriptions.opened(link, target);
  }

  received(link: HandledLink, type: number, bytes: Uint8Array, start: number, end: number): void {
    const handler = type === FRAME_TYPES.publish ? this.#publishes : this.#subscriptions;
    handler.received(link, type, bytes, start, end);
  }

  writable(link: HandledLink): void {
    this.#subscriptions.writable(link);
  }

  permitted(link: HandledLink): void {
    this.#subscriptions.permitted(link);
  }

  closed(link: HandledLink): void {
    this.#subscriptions.closed(link);
  }
}
