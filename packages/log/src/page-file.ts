// Reads lmdb's file page by page without lmdb, since a damaged file could crash lmdb.
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { FIRST_PAGE, readMetas, type Meta } from "./meta-page.ts";
import { PAGE_HEAD_BYTES, isValuePage, parsePage, type BigValue, type Page } from "./page.ts";

/** Used if neither meta page gives a page size: lmdb's page size on most machines. */
const USUAL_PAGE_BYTES = 4096;
const CHUNK_BYTES = 1024 * 1024;

export class PageFile {
  readonly pageBytes: number;
  /** Whether the store was just created and has no pages. */
  readonly isEmpty: boolean;
  /** The number after the last page in the file. */
  readonly pageEnd: number;
  /** The valid meta page; undefined if neither is readable. */
  readonly meta: Meta | undefined;
  /** The meta page of the transaction before. */
  readonly olderMeta: Meta | undefined;
  /** A human-readable description of the damage to the meta pages. */
  readonly fault: string | undefined;
  readonly #handle: number;

  private constructor(handle: number) {
    this.#handle = handle;
    const { newest, older, fault } = readMetas(handle);
    this.meta = newest;
    this.olderMeta = older;
    this.fault = fault;
    this.pageBytes = newest?.pageBytes ?? USUAL_PAGE_BYTES;
    const { size } = fstatSync(handle);
    this.isEmpty = size === 0;
    const there = Math.floor(size / this.pageBytes);
    const told = fault === undefined ? newest?.lastPage : undefined;
    this.pageEnd = Math.min(there, (told ?? Infinity) + 1);
  }

  static open(path: string): PageFile {
    return new PageFile(openSync(path, "r"));
  }

  close(): void {
    closeSync(this.#handle);
  }

  /**
   * Reads the whole file once in order, if it fits into memory: a disk is about ten times slower at
   * random reads.
   */
  readThrough(): void {
    const { size } = fstatSync(this.#handle);
    if (size > process.availableMemory() / 2) return;
    const bytes = Buffer.allocUnsafe(Math.min(size, CHUNK_BYTES));
    for (let at = 0; at < size; at += bytes.length) {
      readSync(this.#handle, bytes, 0, bytes.length, at);
    }
  }

  /** Reads a page into `bytes`; false if the file does not have it. */
  readInto(bytes: Uint8Array, number: number): boolean {
    if (!this.#isThere(number, 1)) return false;
    return readSync(this.#handle, bytes, 0, bytes.length, number * this.pageBytes) === bytes.length;
  }

  /** A branch or a leaf; undefined if the page does not exist or is damaged. */
  page(number: number): Page | undefined {
    const bytes = this.#read(number, 1);
    return bytes === undefined ? undefined : parsePage(bytes, number);
  }

  /** The overflow pages of a value, without their head; undefined if they are damaged. */
  valuePages(value: BigValue): Buffer | undefined {
    const bytes = this.#read(value.page, value.pages);
    if (bytes === undefined || !isValuePage(bytes, value)) return undefined;
    return bytes.subarray(PAGE_HEAD_BYTES);
  }

  /** The head of a value's overflow pages; undefined if they are damaged. */
  valueHead(value: BigValue): Buffer | undefined {
    if (!this.#isThere(value.page, value.pages)) return undefined;
    const bytes = readAt(this.#handle, value.page * this.pageBytes, PAGE_HEAD_BYTES);
    return bytes !== undefined && isValuePage(bytes, value) ? bytes : undefined;
  }

  #isThere(number: number, count: number): boolean {
    return number >= FIRST_PAGE && count > 0 && number + count <= this.pageEnd;
  }

  #read(number: number, count: number): Buffer | undefined {
    if (!this.#isThere(number, count)) return undefined;
    return readAt(this.#handle, number * this.pageBytes, count * this.pageBytes);
  }
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
