// Between the two codecs, at a node's edge: inside, all frames are binary, and a JSON link is a binary
// link whose WebSocket messages are rewritten on their way in and out.
import { decodeFrames, encodeFrame } from "./binary-codec.ts";
import { encodeJsonFrame } from "./json-codec.ts";
import type { Frame } from "./frame.ts";

export function framesToBinary(frames: readonly Frame[]): Uint8Array {
  const encoded = frames.map(encodeFrame);
  const bytes = new Uint8Array(encoded.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of encoded) {
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}

/** Concatenated binary frames as JSON lines. */
export function binaryToJson(bytes: Uint8Array): string {
  return decodeFrames(bytes).map(encodeJsonFrame).join("\n");
}
