// The largest WebSocket message that a link accepts.
import { PUBLISH_OVERHEAD_BYTES } from "@shardcast/protocol";

/**
 * Bytes that a peer may add to one WebSocket message, in addition to the largest publish, by
 * batching the frames of a turn.
 */
const BATCH_BYTES = 256 * 1024;
/** JSON writes one byte as at most six characters (`\u0000`). */
const JSON_GROWTH = 6;

export function maxMessageBytes(maxPayloadBytes: number): number {
  return JSON_GROWTH * (maxPayloadBytes + PUBLISH_OVERHEAD_BYTES) + BATCH_BYTES;
}
