// The destination of a subscription's frames, for example a link.
import type { CloseReason, Frame } from "@shardcast/protocol";
import type { LinkAccess } from "../access/link-access.ts";
import type { SharedFrames } from "@shardcast/protocol/websocket";

export interface FrameSink {
  /** Undefined if every topic may be subscribed to. */
  readonly access: LinkAccess | undefined;
  readonly isOpen: boolean;
  /** More is queued than the peer accepts: do not push until the sink is writable again. */
  readonly isCongested: boolean;
  send(frame: Frame): void;
  sendShared(shared: SharedFrames): void;
  /** Ends the link, with all its subscriptions. */
  close(reason: CloseReason): void;
}
