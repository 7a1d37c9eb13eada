// Parses one page of lmdb's file. Never reads beyond the page, whatever its bytes are. Source:
// MDB_page, MDB_node, MDB_db and MDB_ovpage in lmdb's mdb.c, data version 2, little-endian.
//
//   0      8       16    18      20      22      24
//   +------+-------+-----+-------+-------+-------+-------------+--------+
//   | page | txn   | pad | flags | lower | upper | node places | nodes  |   branch and leaf
//   +------+-------+-----+-------+-------+-------+-------------+--------+
//   | page | txn   | pad | flags | page count    | a value              |   overflow
//   +------+-------+-----+-------+---------------+----------------------+

export const PAGE_HEAD_BYTES = 24;
const TXN_AT = 8;
export const FLAGS_AT = 18;
const LOWER_AT = 20;
const UPPER_AT = 22;
const COUNT_AT = 20;
export const BRANCH = 0x01;
export const LEAF = 0x02;
const OVERFLOW = 0x04;
export const META = 0x08;
export const NODE_HEAD_BYTES = 8;
export const BIG_DATA = 0x01;
export const SUB_DATA = 0x02;
export const BIG_DATA_BYTES = 24;
/** Flags of a tree with byte keys and one value per key, as all our tables have. */
export const NO_FLAGS = 0;
export const TREE_BYTES = 48;
const TREE_FLAGS_AT = 4;
const DEPTH_AT = 6;
const BRANCH_PAGES_AT = 8;
const LEAF_PAGES_AT = 16;
const VALUE_PAGES_AT = 24;
const ENTRIES_AT = 32;
const ROOT_AT = 40;
/** lmdb's page number for "none". */
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const MAX_DEPTH = 32;

/** A B+ tree: one of lmdb's databases. */
export interface Tree {
  /** The key length, if all keys have the same; in the tree of free pages, the page size. */
  readonly keyBytes: number;
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  /** The number of overflow pages. */
  readonly valuePages: number;
  readonly entries: number;
  /** The root page; undefined if the tree is empty. */
  readonly root: number | undefined;
}

/** A value on overflow pages. */
export interface BigValue {
  readonly page: number;
  readonly pages: number;
}

export interface LeafNode {
  readonly key: Buffer;
  readonly value: Buffer | BigValue;
  readonly bytes: number;
  readonly isTree: boolean;
}

export type Page =
  | { readonly type: "branch"; readonly children: readonly number[] }
  | { readonly type: "leaf"; readonly txn: bigint; readonly nodes: readonly LeafNode[] };

/** @returns undefined if the page is damaged */
export function parsePage(bytes: Buffer, number: number): Page | undefined {
  if (bytes.readBigUInt64LE(0) !== BigInt(number)) return undefined;
  const flags = bytes.readUInt16LE(FLAGS_AT);
  if (flags !== BRANCH && flags !== LEAF) return undefined;
  const lower = bytes.readUInt16LE(LOWER_AT);
  const upper = bytes.readUInt16LE(UPPER_AT);
  if (lower > upper || upper > bytes.length - PAGE_HEAD_BYTES || lower % 2 !== 0) return undefined;
  const starts = placesOf(bytes, lower, upper);
  if (starts === undefined) return undefined;
  if (flags === BRANCH) {
    const children = starts.map((start) => childAt(bytes, start));
    return children.length > 0 && children.every(isDefined)
      ? { type: "branch", children }
      : undefined;
  }
  const nodes = starts.map((start) => leafAt(bytes, start));
  if (!nodes.every(isDefined)) return undefined;
  return { type: "leaf", txn: bytes.readBigUInt64LE(TXN_AT), nodes };
}

/** Whether a page is the first overflow page of a value. */
export function isValuePage(bytes: Buffer, { page, pages }: BigValue): boolean {
  return (
    bytes.readBigUInt64LE(0) === BigInt(page) &&
    bytes.readUInt16LE(FLAGS_AT) === OVERFLOW &&
    bytes.readUInt32LE(COUNT_AT) === pages
  );
}

/** @returns undefined if the bytes are not a tree */
export function parseTree(bytes: Buffer): Tree | undefined {
  if (bytes.length !== TREE_BYTES) return undefined;
  const root = bytes.readBigUInt64LE(ROOT_AT);
  const counted = {
    keyBytes: bytes.readUInt32LE(0),
    flags: bytes.readUInt16LE(TREE_FLAGS_AT),
    depth: bytes.readUInt16LE(DEPTH_AT),
    branchPages: Number(bytes.readBigUInt64LE(BRANCH_PAGES_AT)),
    leafPages: Number(bytes.readBigUInt64LE(LEAF_PAGES_AT)),
    valuePages: Number(bytes.readBigUInt64LE(VALUE_PAGES_AT)),
    entries: Number(bytes.readBigUInt64LE(ENTRIES_AT)),
  };
  const { depth } = counted;
  if (root === NO_PAGE) return depth === 0 ? { ...counted, root: undefined } : undefined;
  if (depth === 0 || depth > MAX_DEPTH || root > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  return { ...counted, root: Number(root) };
}

function placesOf(bytes: Buffer, lower: number, upper: number): number[] | undefined {
  const starts: number[] = [];
  for (let at = 0; at < lower; at += 2) {
    const place = bytes.readUInt16LE(PAGE_HEAD_BYTES + at);
    const start = PAGE_HEAD_BYTES + place;
    if (place < upper || start + NODE_HEAD_BYTES > bytes.length) return undefined;
    starts.push(start);
  }
  return starts;
}

function childAt(bytes: Buffer, start: number): number | undefined {
  const keyBytes = bytes.readUInt16LE(start + 6);
  if (start + NODE_HEAD_BYTES + keyBytes > bytes.length) return undefined;
  // 48 bits: the size (32) and the flags (16).
  return bytes.readUIntLE(start, 6);
}

function leafAt(bytes: Buffer, start: number): LeafNode | undefined {
  const count = bytes.readUInt32LE(start);
  const flags = bytes.readUInt16LE(start + 4);
  const keyStart = start + NODE_HEAD_BYTES;
  const valueStart = keyStart + bytes.readUInt16LE(start + 6);
  if (valueStart > bytes.length || valueStart === keyStart) return undefined;
  if (flags !== 0 && flags !== BIG_DATA && flags !== SUB_DATA) return undefined;
  const key = bytes.subarray(keyStart, valueStart);
  const isBig = flags === BIG_DATA;
  const end = valueStart + (isBig ? BIG_DATA_BYTES : count);
  if (end > bytes.length) return undefined;
  const stored = bytes.subarray(valueStart, end);
  const value = isBig ? bigValueAt(stored) : stored;
  if (value === undefined) return undefined;
  return { key, value, bytes: count, isTree: flags === SUB_DATA };
}

function bigValueAt(bytes: Buffer): BigValue | undefined {
  const page = bytes.readBigUInt64LE(0);
  const pages = bytes.readBigUInt64LE(16);
  if (page > BigInt(Number.MAX_SAFE_INTEGER) || pages > 0xffff_ffffn) return undefined;
  return { page: Number(page), pages: Number(pages) };
}

function isDefined<Value>(value: Value | undefined): value is Value {
  return value !== undefined;
}
