// The two ends of a publish within a node: who brought it, and who takes it.
import type { AckFields, ErrorCode, PublishHead } from "@shardcast/protocol";

/** Where a publish came from, and where its answer goes. A link is one. */
export interface PublishOrigin {
  inFlightCount: number;
  readonly isOpen: boolean;
  /** The publish is stored. */
  ack(fields: AckFields): void;
  /** The same, with an ack frame that another node made. */
  passAck(seq: number, bytes: Uint8Array, start: number): void;
  /** Not stored, for all that this node knows. */
  rejectInFlight(seq: number, code: ErrorCode, reason: string): void;
  /** Refused before it was in flight. */
  reject(seq: number, code: ErrorCode, reason: string): void;
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
