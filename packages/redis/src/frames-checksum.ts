// The checksum that goes with a batch in Redis: a checksum frame, which earlier versions skip where it stands
// behind messages.
import { crc32 } from "node:zlib";
import type { Batch } from "@shardcast/log";
import { FRAME_TYPES, decodeFrame, encodeFrame, type ChecksumFrame } from "@shardcast/protocol";

const CHECKSUM_BYTES = 12;
const NOTHING = Buffer.alloc(0);

export function checksumOf({ shared, crc }: Batch): Buffer {
  return Buffer.from(encodeFrame({ type: "checksum", bytes: shared.frames.length, crc }));
}

/** Whether message frames are what was stored; those of earlier versions have no checksum (an empty one). */
export function isWhole(frames: Uint8Array, checksum: Uint8Array): boolean {
  if (checksum.length === 0) return true;
  const frame = checksumIn(checksum, 0);
  return frame?.bytes === frames.length && frame.crc === crc32(frames);
}

/** The messages of frames that end with their checksum, or have none; nothing where they are damaged. */
export function messagesBefore(frames: Buffer): Buffer {
  const end = frames.length - CHECKSUM_BYTES;
  if (end < 0 || frames[end] !== FRAME_TYPES.checksum) return frames;
  const checksum = checksumIn(frames, end);
  // What only looks like one lies within a message.
  if (checksum?.bytes !== end) return frames;
  const messages = frames.subarray(0, end);
  return checksum.crc === crc32(messages) ? messages : NOTHING;
}

function checksumIn(bytes: Uint8Array, start: number): ChecksumFrame | undefined {
  if (bytes[start] !== FRAME_TYPES.checksum || bytes.length !== start + CHECKSUM_BYTES) {
    return undefined;
  }
  try {
    const frame = decodeFrame(bytes, start, bytes.length);
    return frame?.type === "checksum" ? frame : undefined;
  } catch {
    return undefined;
  }
}
