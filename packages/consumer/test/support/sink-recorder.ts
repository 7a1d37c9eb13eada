// Where a subscription's frames go in tests.
import { FRAME_TYPES, decodeFrames, type CloseReason, type Frame } from "@shardcast/protocol";
import type { SharedFrames } from "@shardcast/protocol/websocket";
import type { FrameSink } from "@shardcast/server";

/** A link that keeps what it is sent, and is congested when a test says so. */
export class SinkRecorder implements FrameSink {
  isOpen = true;
  isCongested = false;
  access: FrameSink["access"];
  readonly frames: Frame[] = [];
  /** What came shared, so that a test can tell that it was the same bytes. */
  readonly shared: SharedFrames[] = [];

  /** Why it was ended. */
  closeReason: CloseReason | undefined;

  close(reason: CloseReason): void {
    this.closeReason = reason;
    this.isOpen = false;
  }

  send(frame: Frame): void {
    this.frames.push(frame);
  }

  sendShared(shared: SharedFrames): void {
    if (shared.frames[0] !== FRAME_TYPES.message) throw new Error("not a message");
    this.shared.push(shared);
    this.frames.push(...decodeFrames(shared.frames));
  }

  get offsets(): number[] {
    return this.frames.filter((frame) => frame.type === "message").map(({ offset }) => offset);
  }

  of<Type extends Frame["type"]>(type: Type): Extract<Frame, { type: Type }>[] {
    return this.frames.filter(
      (frame): frame is Extract<Frame, { type: Type }> => frame.type === type,
    );
  }
}
