// lmdb's file, read page by page without lmdb: for a file that lmdb itself may not survive.
// Source: MDB_meta in lmdb's mdb.c, data version 2.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { PAGE_HEAD_BYTES, isValuePage, parsePage, parseTree } from "./page.ts";
import type { BigValue, Page, Tree } from "./page.ts";

const MAGIC = 0xbeef_c0de;
const DATA_VERSION = 2;
const META_BYTES = 144;
const FREE_TREE_AT = 24;
const MAIN_TREE_AT = 72;
const TREE_BYTES = 48;
const LAST_PAGE_AT = 120;
const TXN_AT = 128;
const MIN_PAGE_BYTES = 256;
const MAX_PAGE_BYTES = 65_536;
/** Where neither of the first two pages tells: what lmdb takes on machines with pages of that size. */
const USUAL_PAGE_BYTES = 4096;
/** The first two pages are metas. */
const FIRST_PAGE = 2;

interface Meta {
  readonly pageBytes: number;
  readonly txn: bigint;
  readonly lastPage: number;
  readonly free: Tree | undefined;
  readonly main: Tree | undefined;
}

export class PageFile {
  readonly pageBytes: number;
  /** Behind the last page that is there. */
  readonly pageEnd: number;
  /** Of the free pages, and of the tables; undefined where they are not known. */
  readonly free: Tree | undefined;
  readonly main: Tree | undefined;
  readonly #handle: number;

  private constructor(handle: number) {
    this.#handle = handle;
    const meta = newestMeta(handle);
    this.pageBytes = meta?.pageBytes ?? USUAL_PAGE_BYTES;
    const there = Math.floor(fstatSync(handle).size / this.pageBytes);
    this.pageEnd = Math.min(there, (meta?.lastPage ?? Infinity) + 1);
    this.free = meta?.free;
    this.main = meta?.main;
  }

  static open(path: string): PageFile {
    return new PageFile(openSync(path, "r"));
  }

  close(): void {
    closeSync(this.#handle);
  }

  /** A branch or a leaf; undefined where it is not there, or damaged. */
  page(number: number): Page | undefined {
    const bytes = this.#read(number, 1);
    return bytes === undefined ? undefined : parsePage(bytes, number);
  }

  /** The pages that have a value, without their head; undefined where they are not what they have to be. */
  valuePages(value: BigValue): Buffer | undefined {
    const bytes = this.#read(value.page, value.pages);
    if (bytes === undefined || !isValuePage(bytes, value)) return undefined;
    return bytes.subarray(PAGE_HEAD_BYTES);
  }

  /** Whether a value's own pages are there, without reading them all. */
  hasValuePages(value: BigValue): boolean {
    if (!this.#isThere(value.page, value.pages)) return false;
    const bytes = this.#read(value.page, 1);
    return bytes !== undefined && isValuePage(bytes, value);
  }

  #isThere(number: number, count: number): boolean {
    return number >= FIRST_PAGE && count > 0 && number + count <= this.pageEnd;
  }

  #read(number: number, count: number): Buffer | undefined {
    if (!this.#isThere(number, count)) return undefined;
    return readAt(this.#handle, number * this.pageBytes, count * this.pageBytes);
  }
}

function newestMeta(handle: number): Meta | undefined {
  const first = metaAt(handle, 0);
  // Where the first is damaged, nobody knows where the second begins.
  const second = metaAt(handle, first?.pageBytes ?? USUAL_PAGE_BYTES);
  if (first === undefined || second === undefined) return first ?? second;
  return second.txn > first.txn ? second : first;
}

function metaAt(handle: number, position: number): Meta | undefined {
  const bytes = readAt(handle, position, PAGE_HEAD_BYTES + META_BYTES)?.subarray(PAGE_HEAD_BYTES);
  if (bytes?.readUInt32LE(0) !== MAGIC || bytes.readUInt32LE(4) !== DATA_VERSION) return undefined;
  const pageBytes = bytes.readUInt32LE(FREE_TREE_AT);
  const isPower = (pageBytes & (pageBytes - 1)) === 0;
  if (!isPower || pageBytes < MIN_PAGE_BYTES || pageBytes > MAX_PAGE_BYTES) return undefined;
  return {
    pageBytes,
    txn: bytes.readBigUInt64LE(TXN_AT),
    lastPage: Number(bytes.readBigUInt64LE(LAST_PAGE_AT)),
    free: parseTree(bytes.subarray(FREE_TREE_AT, FREE_TREE_AT + TREE_BYTES)),
    main: parseTree(bytes.subarray(MAIN_TREE_AT, MAIN_TREE_AT + TREE_BYTES)),
  };
}

function readAt(handle: number, position: number, count: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(count);
  let end = 0;
  while (end < count) {
    const read = readSync(handle, bytes, end, count - end, position + end);
    if (read === 0) return undefined;
    end += read;
  }
  return bytes;
}
