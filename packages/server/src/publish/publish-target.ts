// The two ends of a publish within a node: who brought it, and who takes it.
import type { AckFields, ErrorCode, PublishHead } from "@shardcast/protocol";
import type { LinkAccess } from "../access/link-access.ts";
import type { RefusedTopics } from "./refused-topics.ts";

/** The answer to a publish that was not stored. */
export interface Refusal {
  readonly seq: number;
  readonly topic: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** Where a publish came from, and where its answer goes. A link is one. */
export interface PublishOrigin {
  inFlightCount: number;
  readonly isOpen: boolean;
  /** Undefined where it may publish to any topic, and as much as it likes. */
  readonly access: LinkAccess | undefined;
  /** It is another node, which goes by a ring of its own. */
  readonly isNode: boolean;
  /** The publish is stored. */
  ack(fields: AckFields): void;
  /** The same, with an ack frame that another node made. */
  passAck(seq: number, bytes: Uint8Array, start: number): void;
  /** Topics of which nothing is taken at the moment; undefined where there are none. */
  readonly refusedTopics: RefusedTopics | undefined;
  /**
   * Not stored, for all that this node knows.
   * @returns whether what follows of the topic is refused from now on: what came before now is for the caller
   */
  refuseInFlight(refusal: Refusal): boolean;
  /** Refused before it was in flight. */
  refuse(refusal: Refusal): void;
  pauseReading(): void;
  resumeReading(): void;
}

/** Whoever stores a topic's messages: this node, or the link to the owner. */
export interface PublishTarget {
  /**
   * Takes the publish frame between `start` and `end`, which is well-formed and counted as in flight. `head`
   * is valid for the call only; the bytes stay as they are until the publish has its answer, but for the
   * time that they are kept they hold all that came with them.
   */
  publish(
    origin: PublishOrigin,
    head: PublishHead,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void;
}
