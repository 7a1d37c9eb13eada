// What an endpoint does with its links. One handler serves all links of its endpoint.
import type { From } from "@shardcast/protocol";
import type { Link } from "./link.ts";

/** What the upgrade's path and query asked for: `/subscribe/:topic?from=…` names a topic. */
export interface LinkTarget {
  readonly topic?: string;
  readonly from: From;
}

export interface LinkHandler {
  /** The handshake is done and the welcome is on its way. */
  opened(link: Link, target: LinkTarget): void;
  /** A frame that the endpoint allows came, whole; `start` is its header. The bytes are the handler's for this call only. */
  received(link: Link, type: number, bytes: Uint8Array, start: number, end: number): void;
  /** All that was written has left the process, after the link had been congested. */
  writable(link: Link): void;
  closed(link: Link): void;
  /** The client's permissions may be others now. */
  permitted?(link: Link): void;
}
