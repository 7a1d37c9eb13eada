// Batches of messages as the original protocol has them: one text a message. Made when the first legacy
// subscriber is sent a batch, and shared by all others; gone with the batch.
import {
  FRAME_TYPES,
  MESSAGE_HEAD_BYTES,
  encodeLegacyFrame,
  forEachFrame,
  payloadStart,
} from "@shardcast/protocol";
import type { SharedFrames } from "@shardcast/protocol/websocket";
import { frameText } from "@shardcast/protocol/websocket";

export class LegacyTexts {
  readonly #texts = new WeakMap<SharedFrames, Buffer>();

  /** A batch of a topic as whole WebSocket messages, end to end. */
  of(shared: SharedFrames, topic: string): Buffer {
    const known = this.#texts.get(shared);
    if (known !== undefined) return known;
    const made = encodeTexts(shared.frames, topic);
    this.#texts.set(shared, made);
    return made;
  }
}

/** A payload that is not UTF-8 has no text: what cannot be read of it becomes U+FFFD. */
function encodeTexts(frames: Buffer, topic: string): Buffer {
  const texts: Buffer[] = [];
  forEachFrame(frames, (type, start, end) => {
    if (type !== FRAME_TYPES.message) return;
    const data = frames.toString("utf8", payloadStart(frames, start + MESSAGE_HEAD_BYTES), end);
    texts.push(frameText(encodeLegacyFrame({ type: "message", topic, data })));
  });
  return Buffer.concat(texts);
}
