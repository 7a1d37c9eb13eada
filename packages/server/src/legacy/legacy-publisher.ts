// A link of the original protocol that publishes: a client on /produce, or a producer of the original on
// /producer. It carries no ids and gets no acks; where the owner is slow, the link is read no further.
import {
  ERRORS,
  ShardcastError,
  encodeFrame,
  topicFault,
  type ErrorCode,
  type LegacyFrame,
} from "@shardcast/protocol";
import type { LegacyLink, LegacyRole } from "./legacy-link.ts";
import type { PublishHandler } from "../link/publish-handler.ts";
import type { Pausable } from "../publish/paused-sources.ts";
import type { PublishOrigin, Refusal } from "../publish/publish-target.ts";

export interface LegacyPublisherOptions {
  readonly publishes: PublishHandler;
  readonly maxPayloadBytes: number;
  /** Publishes without an answer from which on the link is read no further. */
  readonly windowMessages: number;
  /** The link carries the publishes of many clients: what one of them does wrong must not end it. */
  readonly isShared: boolean;
  readonly counters: { refused: number };
}

export class LegacyPublisher implements LegacyRole, PublishOrigin {
  inFlightCount = 0;
  /** Nothing that was refused comes again: the protocol has no answer that could ask for it. */
  readonly refusedTopics = undefined;
  readonly isNode = false;
  /** Who knows the key may do all. */
  readonly access = undefined;
  readonly #link: LegacyLink;
  readonly #options: LegacyPublisherOptions;
  #isHeld = false;

  constructor(link: LegacyLink, options: LegacyPublisherOptions) {
    this.#link = link;
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#link.isOpen;
  }

  get source(): Pausable {
    return this.#link;
  }

  opened(): void {
    this.#link.ready();
  }

  received(frame: LegacyFrame): void {
    if (frame.type !== "message") throw new ShardcastError("SHARDCAST_FRAME_UNEXPECTED");
    const { topic } = frame;
    const { publishes, maxPayloadBytes, windowMessages } = this.#options;
    const payload = Buffer.from(frame.data, "utf8");
    const isTooLarge = payload.length > maxPayloadBytes;
    const fault = topicFault(topic) ?? (isTooLarge ? "SHARDCAST_PAYLOAD_TOO_LARGE" : undefined);
    if (fault !== undefined) {
      this.#refused(fault);
      return;
    }
    const bytes = encodeFrame({ type: "publish", seq: 0, timeoutMs: 0, topic, payload });
    // The original has no window that could be full, and no answer that could tell so: it waits in TCP.
    publishes.publish(this, bytes, 0, bytes.length, Infinity);
    if (this.inFlightCount >= windowMessages && !this.#isHeld) {
      this.#isHeld = true;
      this.source.pauseReading();
    }
  }

  ack(): void {
    this.#answered();
  }

  passAck(): void {
    this.#answered();
  }

  refuse({ code }: Refusal): boolean {
    this.#answered();
    this.#refused(code);
    return false;
  }

  writable(): void {
    // Nothing is sent to a publisher but pings.
  }

  closed(): void {
    // What is in flight goes on to its owner.
  }

  #answered(): void {
    this.inFlightCount -= 1;
    if (!this.#isHeld || this.inFlightCount > this.#options.windowMessages / 2) return;
    this.#isHeld = false;
    this.source.resumeReading();
  }

  /** Delivery is at most once here, as it was; the one answer that the protocol has is to end the link. */
  #refused(code: ErrorCode): void {
    this.#options.counters.refused += 1;
    if (!this.#options.isShared && !ERRORS[code].retryable) this.#link.close(code);
  }
}
