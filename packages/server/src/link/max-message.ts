// The largest WebSocket message that a link takes.
import { PUBLISH_OVERHEAD_BYTES } from "@shardcast/protocol";

/** Frames of one turn that a peer may put into one WebSocket message, beside one of the largest. */
const BATCH_BYTES = 256 * 1024;
/** JSON writes a byte as six characters at the most (`\u0000`). */
const JSON_GROWTH = 6;

export function maxMessageBytes(maxPayloadBytes: number): number {
  return JSON_GROWTH * (maxPayloadBytes + PUBLISH_OVERHEAD_BYTES) + BATCH_BYTES;
}
