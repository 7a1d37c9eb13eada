// Where a subscription's frames go. A link is one.
import type { CloseReason, Frame } from "@shardcast/protocol";
import type { LinkAccess } from "../access/link-access.ts";
import type { SharedFrames } from "@shardcast/protocol/websocket";

export interface FrameSink {
  /** Undefined where all topics may be followed. */
  readonly access: LinkAccess | undefined;
  readonly isOpen: boolean;
  /** More is queued than the peer takes: pushes have to wait until the sink is writable again. */
  readonly isCongested: boolean;
  send(frame: Frame): void;
  sendShared(shared: SharedFrames): void;
  /** Ends all that goes there. */
  close(reason: CloseReason): void;
}
