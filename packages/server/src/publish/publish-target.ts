// The two ends of a publish within a node: the origin that brought it, and the target that stores it or takes it
// to its owner.
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

/** Brings publishes, and receives their answers: a link, or a request over HTTP. */
export interface PublishOrigin {
  /** Publishes without an answer. The router adds one before it does anything else; each answer takes one off. */
  inFlightCount: number;
  /** Whether an answer still reaches the client. */
  readonly isOpen: boolean;
  /** Undefined where it may publish to any topic, and as much as it likes. */
  readonly access: LinkAccess | undefined;
  /** Another node, which routes by its own ring. */
  readonly isNode: boolean;
  /** Topics of which it gets nothing stored at the moment; undefined where there are none. */
  readonly refusedTopics: RefusedTopics | undefined;
  /** What a target may pause while it is full; undefined where the bytes are here already. */
  readonly source: Pausable | undefined;
  /** The publish is stored. */
  ack(fields: AckFields): void;
  /** The same, with an ack frame that another node made. */
  passAck(seq: number, bytes: Uint8Array, start: number): void;
  /**
   * The publish is not stored, as far as this node knows.
   * @returns whether the origin refuses later publishes of the topic from now on; the caller refuses earlier ones
   */
  refuse(refusal: Refusal): boolean;
}

/** Stores a topic's messages, or takes them to the owner: this node's own log, or the link to the owner. */
export interface PublishTarget {
  /**
   * Takes the publish frame between `start` and `end`, which is well-formed and counted as in flight. `head`
   * is valid for the call only. The bytes stay as they are until the publish has its answer, but as long as the
   * target keeps them it keeps everything that came with them.
   */
  publish(
    origin: PublishOrigin,
    head: PublishHead,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void;
}
