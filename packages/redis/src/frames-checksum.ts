// The checksum of a batch in Redis: a checksum frame after the messages, which earlier versions
// skip.
import { crc32 } from "node:zlib";
import type { Batch } from "@shardcast/log";
import { FRAME_TYPES, decodeFrame, encodeFrame, type ChecksumFrame } from "@shardcast/protocol";

const CHECKSUM_BYTES = 12;
const NOTHING = Buffer.alloc(0);

export function checksumOf({ shared, crc }: Batch): Buffer {
  return Buffer.from(encodeFrame({ type: "checksum", bytes: shared.frames.length, crc }));
}

/**
 * Whether message frames match their checksum. Frames of earlier versions have none (empty) and
 * always match.
 */
export function isWhole(frames: Uint8Array, checksum: Uint8Array): boolean {
  if (checksum.length === 0) return true;
  const frame = checksumIn(checksum, 0);
  return frame?.bytes === frames.length && frame.crc === crc32(frames);
}

/**
 * The message frames before the checksum frame, or all frames if there is none; empty if the
 * checksum does not match.
 */
export function messagesBefore(frames: Buffer): Buffer {
  const end = frames.length - CHECKSUM_BYTES;
  if (end < 0 || frames[end] !== FRAME_TYPES.checksum) return frames;
  const checksum = checksumIn(frames, end);
  // These bytes only look like a checksum frame: they are part of a message.
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
