// Why the store could not be written. A disk that is full is full until there is room, and then all is well. Any
// other failure may have been a sync: pages that the kernel then calls clean need not be on the disk, and the next
// sync says nothing of them. https://wiki.postgresql.org/wiki/Fsync_Errors
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from "node:fs";

export interface CommitFault {
  readonly reason: string;
  /** The store is to be opened again, and checked, before it is written again. */
  readonly isFinal: boolean;
}

const DISK_FULL: CommitFault = { reason: "the disk is full", isFinal: false };
/** Of the operating system (ENOSPC, EDQUOT, EFBIG), and MDB_MAP_FULL. */
const FULL_ERRNOS: ReadonlySet<number> = new Set([28, 122, 27, -30_792]);
const FULL_CODES: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
/** What a transaction writes beside what is put: pages that it copies. */
const OVERHEAD_BYTES = 1024 * 1024;
const CHUNK = Buffer.alloc(256 * 1024);

/**
 * Tells a full disk from anything else. LMDB calls a write that was cut short an input/output error.
 * @param bytes that were to be written
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

/** Writes as much beside the store, as far in a file as the store's own end is. */
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

/** lmdb hands the reason over as a promise of its own, which rejects. */
async function causeOf(error: unknown): Promise<unknown> {
  try {
    await (error as { readonly commitError?: unknown }).commitError;
  } catch (reason) {
    return reason;
  }
  return error;
}
