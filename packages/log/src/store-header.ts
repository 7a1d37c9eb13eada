// What lmdb itself does not survive: a file that is no store, or that lost its end. Both are told here,
// from the two pages at its start that say how the store stands, before lmdb maps the file.
// Source: MDB_meta in lmdb's mdb.c, data version 2.
import { open } from "node:fs/promises";
import { ShardcastError } from "@shardcast/protocol";

const MAGIC = 0xbeef_c0de;
const DATA_VERSION = 2;
const PAGE_HEAD_BYTES = 24;
const META_BYTES = 144;
const PAGE_BYTES_AT = 24;
const LAST_PAGE_AT = 120;
const TXN_AT = 128;
const MIN_PAGE_BYTES = 256;
const MAX_PAGE_BYTES = 65_536;

interface Meta {
  readonly pageBytes: number;
  readonly lastPage: number;
  readonly txn: bigint;
}

/** @throws SHARDCAST_DATA_CORRUPT; nothing where there is no file, or an empty one */
export async function checkHeader(path: string): Promise<void> {
  let file;
  try {
    file = await open(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw corrupt(path, error instanceof Error ? error.message : "");
  }
  try {
    const { size } = await file.stat();
    if (size === 0) return;
    const head = Buffer.alloc(PAGE_HEAD_BYTES + META_BYTES);
    await file.read(head, 0, head.length, 0);
    const first = readMeta(head);
    if (first === undefined) throw corrupt(path, "it does not begin like a store");
    await file.read(head, 0, head.length, first.pageBytes);
    const second = readMeta(head);
    if (second?.pageBytes !== first.pageBytes) throw corrupt(path, "its second page is damaged");
    const { lastPage, pageBytes } = second.txn > first.txn ? second : first;
    if (size < (lastPage + 1) * pageBytes) {
      throw corrupt(path, `it has ${size} of ${(lastPage + 1) * pageBytes} bytes`);
    }
  } finally {
    await file.close();
  }
}

function readMeta(page: Buffer): Meta | undefined {
  const meta = page.subarray(PAGE_HEAD_BYTES);
  if (meta.readUInt32LE(0) !== MAGIC || meta.readUInt32LE(4) !== DATA_VERSION) return undefined;
  const pageBytes = meta.readUInt32LE(PAGE_BYTES_AT);
  if (pageBytes < MIN_PAGE_BYTES || pageBytes > MAX_PAGE_BYTES) return undefined;
  const lastPage = Number(meta.readBigUInt64LE(LAST_PAGE_AT));
  return { pageBytes, lastPage, txn: meta.readBigUInt64LE(TXN_AT) };
}

function corrupt(path: string, why: string): ShardcastError {
  return new ShardcastError("SHARDCAST_DATA_CORRUPT", `${path} is damaged: ${why}`);
}
