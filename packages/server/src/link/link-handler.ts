// Handles the events of an endpoint's links. One handler serves all links of its endpoint.
import type { ErrorCode, From } from "@shardcast/protocol";
import type { PublishOrigin } from "../publish/publish-target.ts";
import type { FrameSink } from "./frame-sink.ts";

/** A link as its endpoint's handler uses it. */
export interface HandledLink extends FrameSink, PublishOrigin {
  readonly id: string;
  /** Answers a read with an error. */
  reject(seq: number, code: ErrorCode, reason: string): void;
}

/** The topic and start in the upgrade's path and query: `/subscribe/:topic?from=…`. */
export interface LinkTarget {
  readonly topic?: string;
  readonly from: From;
}

export interface LinkHandler {
  /** The handshake is done and the welcome is queued. */
  opened(link: HandledLink, target: LinkTarget): void;
  /**
   * Called with each whole frame that the endpoint allows; `start` is the index of its header. The
   * bytes are valid only during the call.
   */
  received(link: HandledLink, type: number, bytes: Uint8Array, start: number, end: number): void;
  /** Called when a link that was congested has handed all its bytes to the kernel. */
  writable(link: HandledLink): void;
  closed(link: HandledLink): void;
  /** The client's permissions may have changed. */
  permitted?(link: HandledLink): void;
}
