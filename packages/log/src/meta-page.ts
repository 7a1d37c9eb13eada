// The first two pages of lmdb's file, which describe the state of the store. Transactions write
// them alternately, and the page with the higher transaction number is valid. All of lmdb's file
// depends on them, so every field is checked. Source: MDB_meta in lmdb's mdb.c, data version 2.
//
//   0           24      28        32        40         48          96          144         152
//   +-----------+-------+---------+---------+----------+-----------+-----------+-----------+-----+
//   | page head | magic | version | address | map size | free tree | main tree | last page | txn |
//   +-----------+-------+---------+---------+----------+-----------+-----------+-----------+-----+
import { fstatSync, readSync } from "node:fs";
import { FLAGS_AT, META, NO_FLAGS, PAGE_HEAD_BYTES, TREE_BYTES, parseTree } from "./page.ts";
import type { Tree } from "./page.ts";

const MAGIC = 0xbeef_c0de;
const DATA_VERSION = 2;
const META_BYTES = 152;
const VERSION_AT = PAGE_HEAD_BYTES + 4;
const FREE_TREE_AT = PAGE_HEAD_BYTES + 24;
const MAIN_TREE_AT = FREE_TREE_AT + TREE_BYTES;
const LAST_PAGE_AT = MAIN_TREE_AT + TREE_BYTES;
const TXN_AT = LAST_PAGE_AT + 8;
const MIN_PAGE_BYTES = 256;
const MAX_PAGE_BYTES = 65_536;
/** Used if neither meta page gives a page size: lmdb's page size on most machines. */
const USUAL_PAGE_BYTES = 4096;
/**
 * Flags of the tree of free pages: its keys are integers, and the store is a file, not a folder.
 */
const INTEGER_KEY = 0x08;
const NO_SUBDIR = 0x4000;
/** The first page after the two meta pages. */
export const FIRST_PAGE = 2;
/** How often to read the meta pages: a running node may change them during a read. */
const READS = 5;

export interface Meta {
  readonly pageBytes: number;
  readonly txn: number;
  readonly lastPage: number;
  /** The trees of free pages and of tables; undefined if they are unreadable. */
  readonly free: Tree | undefined;
  readonly main: Tree | undefined;
}

export interface Metas {
  /** Undefined if neither page is readable. */
  readonly newest: Meta | undefined;
  /** The other page, if neither is damaged. */
  readonly older?: Meta | undefined;
  /** A human-readable description of the damage. */
  readonly fault: string | undefined;
}

/**
 * Reads both meta pages.
 * @param handle of a file that is not empty
 */
export function readMetas(handle: number): Metas {
  let metas = readOnce(handle);
  for (let count = 1; count < READS && metas.fault !== undefined; count += 1) {
    metas = readOnce(handle);
  }
  return metas;
}

function readOnce(handle: number): Metas {
  const first = readAt(handle, 0);
  const one = metaOf(first);
  // If the first page is damaged, the page size, and so the start of the second page, is unknown.
  const second = readAt(handle, one?.pageBytes ?? USUAL_PAGE_BYTES);
  const other = metaOf(second);
  const firstFault = faultOf(first, one, 0);
  const secondFault = faultOf(second, other, 1);
  if (firstFault !== undefined || secondFault !== undefined) {
    // Prefer an intact page to a damaged one.
    const isSecond = firstFault !== undefined && secondFault === undefined;
    const isFirst = secondFault !== undefined && firstFault === undefined;
    const newest = isFirst ? one : isSecond ? other : newestOf(one, other);
    const page = firstFault === undefined ? "second" : "first";
    return { newest, fault: `its ${page} page is damaged: ${firstFault ?? secondFault ?? ""}` };
  }
  const newest = newestOf(one, other);
  const older = newest === one ? other : one;
  return { newest, older, fault: faultOfBoth(handle, one, other) };
}

function newestOf(one: Meta | undefined, other: Meta | undefined): Meta | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.txn > one.txn ? other : one;
}

function metaOf(bytes: Buffer | undefined): Meta | undefined {
  if (bytes?.readUInt32LE(PAGE_HEAD_BYTES) !== MAGIC) return undefined;
  if (bytes.readUInt32LE(VERSION_AT) !== DATA_VERSION) return undefined;
  const pageBytes = bytes.readUInt32LE(FREE_TREE_AT);
  const isPower = (pageBytes & (pageBytes - 1)) === 0;
  if (!isPower || pageBytes < MIN_PAGE_BYTES || pageBytes > MAX_PAGE_BYTES) return undefined;
  return {
    pageBytes,
    txn: Number(bytes.readBigUInt64LE(TXN_AT)),
    lastPage: Number(bytes.readBigUInt64LE(LAST_PAGE_AT)),
    free: parseTree(bytes.subarray(FREE_TREE_AT, MAIN_TREE_AT)),
    main: parseTree(bytes.subarray(MAIN_TREE_AT, LAST_PAGE_AT)),
  };
}

function faultOf(
  bytes: Buffer | undefined,
  meta: Meta | undefined,
  page: number,
): string | undefined {
  if (bytes === undefined || meta === undefined) return "it does not begin like a store";
  const { free, main, lastPage, pageBytes, txn } = meta;
  if (bytes.readBigUInt64LE(0) !== BigInt(page) || bytes.readUInt16LE(FLAGS_AT) !== META) {
    return "it is no page of that kind";
  }
  if (!Number.isSafeInteger(txn) || (txn !== 0 && txn % 2 !== page)) {
    return `transaction ${txn} does not write it`;
  }
  if (!Number.isSafeInteger(lastPage * pageBytes) || lastPage < FIRST_PAGE - 1) {
    return `its last page is ${lastPage}`;
  }
  if (!isPossible(free, lastPage) || !isPossible(main, lastPage)) return "a tree is damaged";
  const isFree = free.keyBytes === pageBytes && (free.flags & ~NO_SUBDIR) === INTEGER_KEY;
  if (!isFree || main.keyBytes !== 0 || main.flags !== NO_FLAGS) return "a tree is of another kind";
  return undefined;
}

function isPossible(tree: Tree | undefined, lastPage: number): tree is Tree {
  if (tree === undefined) return false;
  return tree.root === undefined || (tree.root >= FIRST_PAGE && tree.root <= lastPage);
}

function faultOfBoth(handle: number, one?: Meta, other?: Meta): string | undefined {
  if (one === undefined || other === undefined) return "its first pages are damaged";
  if (one.pageBytes !== other.pageBytes || one.free?.flags !== other.free?.flags) {
    return "its first two pages do not fit together";
  }
  // In a copy, only one of the two pages was written.
  const isCopy = one.txn === 0 && one.main?.root === undefined;
  if (Math.abs(one.txn - other.txn) !== 1 && !isCopy) {
    return `its first two pages have the transactions ${one.txn} and ${other.txn}`;
  }
  const { size } = fstatSync(handle);
  const needed = (Math.max(one.lastPage, other.lastPage) + 1) * one.pageBytes;
  return size < needed ? `it has ${size} of ${needed} bytes` : undefined;
}

function readAt(handle: number, position: number): Buffer | undefined {
  const bytes = Buffer.alloc(META_BYTES + 8);
  return readSync(handle, bytes, 0, bytes.length, position) === bytes.length ? bytes : undefined;
}
