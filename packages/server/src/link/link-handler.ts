// What an endpoint does with its links. One handler serves all links of its endpoint.
import type { ErrorCode, From } from "@shardcast/protocol";
import type { PublishOrigin } from "../publish/publish-target.ts";
import type { FrameSink } from "./frame-sink.ts";

/** A link as its endpoint's handler uses it. */
export interface HandledLink extends FrameSink, PublishOrigin {
  readonly id: string;
  /** Answers a read that was refused. */
  reject(seq: number, code: ErrorCode, reason: string): void;
}

/** What the upgrade's path and query asked for: `/subscribe/:topic?from=…` names a topic. */
export interface LinkTarget {
  readonly topic?: string;
  readonly from: From;
}

export interface LinkHandler {
  /** The handshake is done and the welcome is on its way. */
  opened(link: HandledLink, target: LinkTarget): void;
  /** A frame that the endpoint allows came, whole; `start` is its header. The bytes are the handler's for this call only. */
  received(link: HandledLink, type: number, bytes: Uint8Array, start: number, end: number): void;
  /** All that was written has left the process, after the link had been congested. */
  writable(link: HandledLink): void;
  closed(link: HandledLink): void;
  /** The client's permissions may be others now. */
  permitted?(link: HandledLink): void;
}
