// Checks that one tree of a store's file is as lmdb writes it: each page is intact and met once,
// keys are in order within and between pages, all leaves have the same depth, and the numbers of
// pages and entries match.
import {
  BIG_DATA,
  NODE_HEAD_BYTES,
  NO_FLAGS,
  PAGE_HEAD_BYTES,
  type BigValue,
  type Tree,
} from "./page.ts";
import { FIRST_PAGE } from "./meta-page.ts";
import type { PageFile } from "./page-file.ts";
import { PageBytes, compareNumbers, type KeyOrder } from "./sound-page.ts";

/** lmdb's own limit. */
const MAX_DEPTH = 32;
/**
 * lmdb crashes on a branch with one child. Only the tree of free pages may have one temporarily.
 */
const MIN_CHILDREN = 2;
const TXN_AT = 8;

/** A key, by its position in a page. */
interface Key {
  readonly page: PageBytes;
  readonly at: number;
  readonly count: number;
}

/** The range of keys in a page; undefined if a side has no bound. */
interface KeyBounds {
  readonly low: Key | undefined;
  /** All keys are less than this one. */
  readonly high: Key | undefined;
}

const NO_BOUNDS: KeyBounds = { low: undefined, high: undefined };

/** The properties that differ between trees. */
export interface TreeKind {
  /** Human-readable. */
  readonly name: string;
  /** Order of the keys. @default bytes */
  readonly order?: KeyOrder;
  readonly minChildren?: number;
  /** The flags of each leaf node, apart from the flag for overflow pages. */
  readonly nodeFlags?: number;
  /** Checks an entry. @returns false if it is damaged */
  readonly isEntry?: (key: Buffer, value: Buffer) => boolean;
}

export class SoundTrees {
  /** Damage, as human-readable descriptions. */
  readonly faults: string[] = [];
  readonly #file: PageFile;
  readonly #txn: number;
  /** Pages that belong to a tree or a value: each may be met once. */
  readonly #met: Uint8Array;
  /** One page for each level: a page stays in use while its children are checked. */
  readonly #pages: PageBytes[];

  constructor(file: PageFile, txn: number) {
    this.#file = file;
    this.#txn = txn;
    this.#met = new Uint8Array(file.pageEnd);
    this.#pages = Array.from({ length: MAX_DEPTH + 1 }, () => new PageBytes(file.pageBytes));
  }

  /** False if a page does not exist, or was met before: each page belongs to one place only. */
  meet(first: number, count: number): boolean {
    if (first < FIRST_PAGE || count < 1 || first + count > this.#met.length) return false;
    for (let page = first; page < first + count; page += 1) {
      if (this.#met[page] === 1) return false;
      this.#met[page] = 1;
    }
    return true;
  }

  check(tree: Tree, kind: TreeKind): void {
    const before = this.faults.length;
    const walk = new TreeWalk(kind, {
      file: this.#file,
      txn: this.#txn,
      pages: this.#pages,
      meet: (first, count) => this.meet(first, count),
      damaged: (page) => this.faults.push(`page ${page}, of ${kind.name}, is damaged`),
    });
    if (tree.root !== undefined) walk.go(tree.root, tree.depth, NO_BOUNDS);
    if (this.faults.length === before && !walk.fits(tree)) {
      this.faults.push(`${kind.name} has not as many entries or pages as it says`);
    }
  }
}

interface WalkContext {
  readonly file: PageFile;
  readonly txn: number;
  readonly pages: readonly PageBytes[];
  readonly meet: (first: number, count: number) => boolean;
  readonly damaged: (page: number) => void;
}

class TreeWalk {
  readonly #kind: TreeKind;
  readonly #context: WalkContext;
  #branchPages = 0;
  #leafPages = 0;
  #valuePages = 0;
  #entries = 0;

  constructor(kind: TreeKind, context: WalkContext) {
    this.#kind = kind;
    this.#context = context;
  }

  fits({ branchPages, leafPages, valuePages, entries }: Tree): boolean {
    return (
      branchPages === this.#branchPages &&
      leafPages === this.#leafPages &&
      valuePages === this.#valuePages &&
      entries === this.#entries
    );
  }

  go(number: number, level: number, bounds: KeyBounds): void {
    const { pages, file, txn, meet, damaged } = this.#context;
    const page = pages[level];
    if (
      page === undefined ||
      !meet(number, 1) ||
      !file.readInto(page.bytes, number) ||
      !page.isSound(number, txn) ||
      page.isBranch !== level > 1 ||
      !this.#isInOrder(page, bounds)
    ) {
      damaged(number);
    } else if (level > 1) {
      this.#branchPages += 1;
      if (page.count < (this.#kind.minChildren ?? MIN_CHILDREN)) damaged(number);
      this.#goOverChildren(page, level, bounds);
    } else {
      this.#leafPages += 1;
      this.#entries += page.count;
      for (let index = 0; index < page.count; index += 1) {
        if (this.#isEntrySound(page, page.nodeAt(index))) continue;
        damaged(number);
        return;
      }
    }
  }

  #goOverChildren(page: PageBytes, level: number, { low, high }: KeyBounds): void {
    const { count } = page;
    for (let index = 0; index < count; index += 1) {
      this.go(page.childAt(page.nodeAt(index)), level - 1, {
        low: index === 0 ? low : keyOf(page, index),
        high: index + 1 === count ? high : keyOf(page, index + 1),
      });
    }
  }

  /** Whether the keys strictly ascend within the bounds. The first key of a branch is unused. */
  #isInOrder(page: PageBytes, { low, high }: KeyBounds): boolean {
    const { order = "bytes" } = this.#kind;
    const first = page.isBranch ? 1 : 0;
    if (first >= page.count) return true;
    if (!page.isAscending(first, order)) return false;
    const above = low === undefined ? 1 : compare(keyOf(page, first), low, order);
    const below = high === undefined ? -1 : compare(keyOf(page, page.count - 1), high, order);
    return below < 0 && (page.isBranch ? above > 0 : above >= 0);
  }

  #isEntrySound(page: PageBytes, node: number): boolean {
    const { nodeFlags = NO_FLAGS, isEntry } = this.#kind;
    const flags = page.nodeFlagsAt(node);
    const keyEnd = node + NODE_HEAD_BYTES + page.keyBytesAt(node);
    const count = page.valueBytesAt(node);
    let value: Buffer | undefined;
    if (flags === (BIG_DATA | nodeFlags) && nodeFlags === NO_FLAGS) {
      const big = bigValueAt(page.bytes, keyEnd);
      if (!this.#isBigSound(big, count)) return false;
      if (isEntry !== undefined) value = this.#context.file.valuePages(big)?.subarray(0, count);
    } else if (flags !== nodeFlags) return false;
    else if (isEntry !== undefined) value = page.bytes.subarray(keyEnd, keyEnd + count);
    if (isEntry === undefined) return true;
    return (
      value !== undefined && isEntry(page.bytes.subarray(node + NODE_HEAD_BYTES, keyEnd), value)
    );
  }

  #isBigSound(value: BigValue, count: number): boolean {
    const { file, meet, txn } = this.#context;
    if (value.pages * file.pageBytes - PAGE_HEAD_BYTES < count) return false;
    const head = meet(value.page, value.pages) ? file.valueHead(value) : undefined;
    if (head === undefined) return false;
    this.#valuePages += value.pages;
    const headTxn = Number(head.readBigUInt64LE(TXN_AT));
    return headTxn > 0 && headTxn <= txn;
  }
}

function keyOf(page: PageBytes, index: number): Key {
  const node = page.nodeAt(index);
  return { page, at: node + NODE_HEAD_BYTES, count: page.keyBytesAt(node) };
}

function bigValueAt(bytes: Buffer, at: number): BigValue {
  return {
    page: Number(bytes.readBigUInt64LE(at)),
    pages: Number(bytes.readBigUInt64LE(at + 16)),
  };
}

function compare(one: Key, other: Key, order: KeyOrder): number {
  const [ones, others] = [one.page.bytes, other.page.bytes];
  return order === "numbers"
    ? compareNumbers(ones, one.at, others, other.at)
    : ones.compare(others, other.at, other.at + other.count, one.at, one.at + one.count);
}
