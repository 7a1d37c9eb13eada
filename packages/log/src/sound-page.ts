// Checks that one page of a tree is as lmdb writes it. lmdb trusts the places and sizes in a page:
// with a wrong one it reads or writes beyond the page. Every page of a store is checked, so this
// code creates no objects. Layout: page.ts.
import {
  BIG_DATA,
  BIG_DATA_BYTES,
  BRANCH,
  LEAF,
  NODE_HEAD_BYTES,
  PAGE_HEAD_BYTES,
  TREE_BYTES,
} from "./page.ts";

/** Positions in 16-bit words. */
const TXN_AT = 4;
const FLAGS_AT = 9;
const LOWER_AT = 10;
const UPPER_AT = 11;
const PLACES_AT = 12;
/** The number of nodes that a page must have room for. A larger value gets overflow pages. */
const MIN_NODES = 2;

const WORD = 0x1_0000;
const TWO_WORDS = 0x1_0000_0000;

/** Keys are compared as native 8-byte numbers, or byte by byte. */
export type KeyOrder = "bytes" | "numbers";

const NUMBER_BYTES = 8;

/** The bytes of one page, reused for the next page. */
export class PageBytes {
  readonly words: Uint16Array;
  readonly bytes: Buffer;
  /** The size of each node by its place; zero where no node begins. */
  readonly #sizes: Uint16Array;
  /** The longest key and the largest node that lmdb creates. */
  readonly #maxKeyBytes: number;
  readonly #maxNodeBytes: number;

  constructor(pageBytes: number) {
    this.words = new Uint16Array(pageBytes / 2);
    this.bytes = Buffer.from(this.words.buffer);
    this.#sizes = new Uint16Array(pageBytes / 2);
    this.#maxNodeBytes = (Math.floor((pageBytes - PAGE_HEAD_BYTES) / MIN_NODES) & -2) - 2;
    this.#maxKeyBytes = this.#maxNodeBytes - NODE_HEAD_BYTES - TREE_BYTES;
  }

  get isBranch(): boolean {
    return this.words[FLAGS_AT] === BRANCH;
  }

  /** The number of nodes. */
  get count(): number {
    return this.#word(LOWER_AT) >>> 1;
  }

  get txn(): number {
    return this.#word(TXN_AT) + this.#word(TXN_AT + 1) * WORD + this.#word(TXN_AT + 2) * TWO_WORDS;
  }

  /** The place of a node in the page. */
  nodeAt(index: number): number {
    return PAGE_HEAD_BYTES + this.#word(PLACES_AT + index);
  }

  keyBytesAt(node: number): number {
    return this.#word((node >>> 1) + 3);
  }

  /** In a leaf: the length of the value, which may be on overflow pages. */
  valueBytesAt(node: number): number {
    return this.#word(node >>> 1) + this.#word((node >>> 1) + 1) * WORD;
  }

  nodeFlagsAt(node: number): number {
    return this.#word((node >>> 1) + 2);
  }

  /** In a branch: the number of the child page. */
  childAt(node: number): number {
    return this.valueBytesAt(node) + this.nodeFlagsAt(node) * TWO_WORDS;
  }

  /**
   * Whether the page is a branch or a leaf, has the expected number, was written by a transaction
   * up to `txn`, and its nodes fill their space without gaps or overlaps.
   */
  isSound(number: number, txn: number): boolean {
    const { words } = this;
    const isItself =
      this.#word(0) + this.#word(1) * WORD + this.#word(2) * TWO_WORDS === number && words[3] === 0;
    const isOfThen = words[TXN_AT + 3] === 0 && this.txn > 0 && this.txn <= txn;
    const flags = words[FLAGS_AT];
    if (!isItself || !isOfThen || (flags !== BRANCH && flags !== LEAF)) return false;
    const lower = this.#word(LOWER_AT);
    const upper = this.#word(UPPER_AT);
    const room = words.length * 2 - PAGE_HEAD_BYTES;
    if (lower % 2 !== 0 || upper % 2 !== 0 || lower === 0 || lower > upper || upper > room) {
      return false;
    }
    return this.#areNodesInPlace(upper, room);
  }

  /** Whether the keys strictly ascend, from a node on. */
  isAscending(from: number, order: KeyOrder): boolean {
    const { bytes, count } = this;
    let at = 0;
    let keyBytes = 0;
    for (let index = from; index < count; index += 1) {
      const node = this.nodeAt(index);
      const nextAt = node + NODE_HEAD_BYTES;
      const nextBytes = this.keyBytesAt(node);
      if (order === "numbers") {
        if (nextBytes !== NUMBER_BYTES) return false;
        if (index > from && compareNumbers(bytes, at, bytes, nextAt) >= 0) return false;
      } else if (index > from && !isBelow(bytes, at, keyBytes, nextAt, nextBytes)) return false;
      at = nextAt;
      keyBytes = nextBytes;
    }
    return true;
  }

  /** lmdb closes the gap of a removed node, so nodes are adjacent up to the end of the page. */
  #areNodesInPlace(upper: number, room: number): boolean {
    const sizes = this.#sizes;
    const { count } = this;
    const isBranch = this.isBranch;
    let isSound = true;
    for (let index = 0; index < count && isSound; index += 1) {
      const place = this.#word(PLACES_AT + index);
      const size = place % 2 === 0 && place >= upper ? this.#sizeAt(place, room, isBranch) : 0;
      isSound = size > 0 && sizes[place >>> 1] === 0;
      if (isSound) sizes[place >>> 1] = size;
      // Keys of a leaf are not empty; the first key of a branch is unused.
      if (isSound && this.keyBytesAt(PAGE_HEAD_BYTES + place) === 0)
        isSound = isBranch && index === 0;
    }
    let seen = 0;
    let place = upper;
    while (isSound && place < room) {
      const size = sizes[place >>> 1] ?? 0;
      isSound = size > 0;
      place += size;
      seen += 1;
    }
    for (let index = 0; index < count; index += 1) sizes[this.#word(PLACES_AT + index) >>> 1] = 0;
    return isSound && place === room && seen === count;
  }

  /** @returns the size of a node; zero if it is not a valid node */
  #sizeAt(place: number, room: number, isBranch: boolean): number {
    if (place + NODE_HEAD_BYTES > room) return 0;
    const node = PAGE_HEAD_BYTES + place;
    const keyBytes = this.keyBytesAt(node);
    if (keyBytes > this.#maxKeyBytes) return 0;
    let size = NODE_HEAD_BYTES + keyBytes;
    if (!isBranch) {
      size += this.nodeFlagsAt(node) === BIG_DATA ? BIG_DATA_BYTES : this.valueBytesAt(node);
      if (size > this.#maxNodeBytes) return 0;
    }
    size += size % 2;
    return place + size > room ? 0 : size;
  }

  #word(at: number): number {
    return this.words[at] ?? 0;
  }
}

/** Compares two keys of one page. Calling `Buffer.compare` costs more than finding the difference. */
function isBelow(
  bytes: Buffer,
  at: number,
  count: number,
  otherAt: number,
  otherCount: number,
): boolean {
  const shared = count < otherCount ? count : otherCount;
  for (let index = 0; index < shared; index += 1) {
    const one = bytes[at + index] ?? 0;
    const other = bytes[otherAt + index] ?? 0;
    if (one !== other) return one < other;
  }
  return count < otherCount;
}

export function compareNumbers(one: Buffer, at: number, other: Buffer, otherAt: number): number {
  const difference = one.readBigUInt64LE(at) - other.readBigUInt64LE(otherAt);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
