// A publishing link of the original protocol: a client on /produce, or a producer of the original
// queue on /producer. Publishes have no ids and get no acks. If the topic's owner is slow, the node
// stops reading from the link.
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
  /** The node stops reading from the link when this many publishes have no answer. */
  readonly windowMessages: number;
  /**
   * Whether the link carries the publishes of many clients. If so, a fault of one client must not
   * close it.
   */
  readonly isShared: boolean;
  readonly counters: { refused: number };
}

export class LegacyPublisher implements LegacyRole, PublishOrigin {
  inFlightCount = 0;
  /** Undefined: the protocol has no refusals, so publishers do not retry. */
  readonly refusedTopics = undefined;
  readonly isNode = false;
  /** Undefined: a client that knows the pre-shared key may do everything. */
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
    // The original protocol has no window and no refusals. Instead of refusing, the node stops
    // reading.
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
    // A publisher's link carries only pings, so there is nothing to resume.
  }

  closed(): void {
    // Publishes in flight still go to the topic's owner.
  }

  #answered(): void {
    this.inFlightCount -= 1;
    if (!this.#isHeld || this.inFlightCount > this.#options.windowMessages / 2) return;
    this.#isHeld = false;
    this.source.resumeReading();
  }

  /**
   * Counts a refused publish, which is lost: the original protocol delivers at most once. Its only
   * answer is to close the link.
   */
  #refused(code: ErrorCode): void {
    this.#options.counters.refused += 1;
    if (!this.#options.isShared && !ERRORS[code].retryable) this.#link.close(code);
  }
}
