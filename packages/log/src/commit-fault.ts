// Why a commit failed. A full disk is harmless: writes succeed again once there is space. Any other
// failure may have been a failed sync: the kernel then marks the pages as clean although they may
// not be on the disk, and the next sync does not report them.
// https://wiki.postgresql.org/wiki/Fsync_Errors
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from "node:fs";

export interface CommitFault {
  readonly reason: string;
  /** Whether the store must be opened again and checked before the next write. */
  readonly isFinal: boolean;
}

const DISK_FULL: CommitFault = { reason: "the disk is full", isFinal: false };
/** ENOSPC, EDQUOT and EFBIG of the operating system, and lmdb's MDB_MAP_FULL. */
const FULL_ERRNOS: ReadonlySet<number> = new Set([28, 122, 27, -30_792]);
const FULL_CODES: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
/** Pages that a transaction copies, in addition to the records it writes. */
const OVERHEAD_BYTES = 1024 * 1024;
const CHUNK = Buffer.alloc(256 * 1024);

/**
 * Distinguishes a full disk from other failures. lmdb reports a short write as an input/output
 * error, so this writes a probe file.
 * @param bytes size of the failed write
 */
export async function commitFault(
  file: string,
  error: unknown,
  bytes: number,
): Promise<CommitFault> {
  const cause = await causeOf(error);
  const { code } = cause as { readonly code?: unknown };
  if (typeof code === "number" && FULL_ERRNOS.has(code)) return DISK_FULL;
  if (hasNoRoom(file, bytes + OVERHEAD_BYTES)) return DISK_FULL;
  return { reason: cause instanceof Error ? cause.message : String(cause), isFinal: true };
}

/**
 * Writes as many bytes to a probe file, from the store's own size on: limits on file size then
 * apply as well.
 */
function hasNoRoom(file: string, bytes: number): boolean {
  const probe = `${file}.probe`;
  try {
    const handle = openSync(probe, "w", 0o600);
    try {
      const start = statSync(file).size;
      for (let at = 0; at < bytes;) at += writeSync(handle, CHUNK, 0, CHUNK.length, start + at);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
      rmSync(probe, { force: true });
    }
    return false;
  } catch (error) {
    return FULL_CODES.has(String((error as { readonly code?: unknown }).code));
  }
}

/** lmdb attaches the cause as a promise that rejects. */
async function causeOf(error: unknown): Promise<unknown> {
  try {
    await (error as { readonly commitError?: unknown }).commitError;
  } catch (reason) {
    return reason;
  }
  return error;
}
