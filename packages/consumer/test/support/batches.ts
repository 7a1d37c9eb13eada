// Batches and sinks for tests of topics and logs.
import {
  FRAME_TYPES,
  decodeFrames,
  encodeFrame,
  type Frame,
  type MessageFrame,
} from "@shardcast/protocol";
import { SharedFrames, type FrameSink } from "@shardcast/server";
import { Batch } from "../../src/batch.ts";

/** Messages `first` to `last` as a log would keep them, each with its offset as payload. */
export function batchOf(
  first: number,
  last: number,
  options: { time?: number; bytes?: number } = {},
): Batch {
  const { time = 1000, bytes = 0 } = options;
  const frames: Uint8Array[] = [];
  for (let offset = first; offset <= last; offset += 1) {
    const payload = Buffer.from(`m${offset}`.padEnd(bytes, "."));
    frames.push(encodeFrame({ type: "message", topicId: 7, offset, time, payload }));
  }
  return new Batch(first, last, SharedFrames.of(Buffer.concat(frames)));
}

export function offsetsOf(batch: Batch | undefined): number[] {
  return messagesOf(batch?.shared.frames ?? new Uint8Array(0)).map(({ offset }) => offset);
}

function messagesOf(frames: Uint8Array): MessageFrame[] {
  return decodeFrames(frames).filter((frame) => frame.type === "message");
}

/** A link that keeps what it is sent, and is congested when a test says so. */
export class SinkRecorder implements FrameSink {
  isOpen = true;
  isCongested = false;
  readonly frames: Frame[] = [];
  /** What came shared, so that a test can tell that it was the same bytes. */
  readonly shared: SharedFrames[] = [];

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
