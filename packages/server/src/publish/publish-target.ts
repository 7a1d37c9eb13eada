// The two ends of a publish within a node: the origin that sent it, and the target that stores it
// or sends it to its owner.
import type { AckFields, ErrorCode, PublishHead } from "@shardcast/protocol";
import type { LinkAccess } from "../access/link-access.ts";
import type { Pausable } from "./paused-sources.ts";
import type { RefusedTopics } from "./refused-topics.ts";

/** The answer to a publish that was not stored. */
export interface Refusal {
  readonly seq: number;
  readonly topic: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** Sends publishes and receives their answers: a link, or an HTTP request. */
export interface PublishOrigin {
  /**
   * The number of publishes without an answer. The router adds one before anything else; each
   * answer subtracts one.
   */
  inFlightCount: number;
  /** Whether an answer still reaches the client. */
  readonly isOpen: boolean;
  /** Undefined if the origin may publish to any topic, without limits. */
  readonly access: LinkAccess | undefined;
  /** Whether the origin is another node, which routes by its own ring. */
  readonly isNode: boolean;
  /** Topics whose publishes are refused at the moment; undefined if there are none. */
  readonly refusedTopics: RefusedTopics | undefined;
  /**
   * The source that a target may pause while it is full; undefined if all bytes have already
   * arrived.
   */
  readonly source: Pausable | undefined;
  /** Answers a publish that was stored. */
  ack(fields: AckFields): void;
  /** Answers a publish with the ack frame of another node. */
  passAck(seq: number, bytes: Uint8Array, start: number): void;
  /**
   * Answers a publish that was not stored, as far as this node knows.
   * @returns whether the origin refuses later publishes of the topic from now on; the caller
   * refuses earlier ones
   */
  refuse(refusal: Refusal): boolean;
}

/**
 * Stores a topic's messages or sends them to the owner: this node's own log, or the link to the
 * owner.
 */
export interface PublishTarget {
  /**
   * Accepts the publish frame between `start` and `end`, which is well-formed and counted as in
   * flight. `head` is valid only during the call. The bytes do not change until the publish has its
   * answer, but a target that keeps them also keeps everything else in their buffer.
   */
  publish(
    origin: PublishOrigin,
    head: PublishHead,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void;
}
