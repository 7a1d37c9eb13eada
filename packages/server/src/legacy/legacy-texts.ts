// Batches of messages in the original protocol: one WebSocket message per message. The texts of a
// batch are encoded when the first legacy subscriber needs them, shared by the others, and freed
// with the batch.
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

  /** Returns a topic's batch as whole WebSocket messages, end to end. */
  of(shared: SharedFrames, topic: string): Buffer {
    const known = this.#texts.get(shared);
    if (known !== undefined) return known;
    const made = encodeTexts(shared.frames, topic);
    this.#texts.set(shared, made);
    return made;
  }
}

/** Texts must be UTF-8: invalid bytes of a payload become U+FFFD. */
function encodeTexts(frames: Buffer, topic: string): Buffer {
  const texts: Buffer[] = [];
  forEachFrame(frames, (type, start, end) => {
    if (type !== FRAME_TYPES.message) return;
    const data = frames.toString("utf8", payloadStart(frames, start + MESSAGE_HEAD_BYTES), end);
    texts.push(frameText(encodeLegacyFrame({ type: "message", topic, data })));
  });
  return Buffer.concat(texts);
}
