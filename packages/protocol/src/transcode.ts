// Converts between the two codecs at the edge of a node. Inside a node all frames are binary: the node
// rewrites the WebSocket messages of a JSON link as they arrive and leave.
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

/** Converts concatenated binary frames to JSON lines. */
export function binaryToJson(bytes: Uint8Array): string {
  return decodeFrames(bytes).map(encodeJsonFrame).join("\n");
}
