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

/** A publish frame where it lies; the bytes are the target's for the call only. */
export interface FrameSlice {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** Whoever stores a topic's messages: this node, or the link to the owner. */
export interface PublishTarget {
  /** Takes a publish that is well-formed and counted as in flight. `head` is valid for the call only. */
  publish(origin: PublishOrigin, head: PublishHead, frame: FrameSlice): void;
}
