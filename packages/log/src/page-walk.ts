// Goes over all pages of a store's trees, and tells which are damaged. lmdb believes its file: a page that is not what
// it has to be may end the process that reads it.
import type { Table } from "./store.ts";
import { PageFile } from "./page-file.ts";
import { parseTree, type LeafNode, type Tree } from "./page.ts";

export interface Leaf {
  readonly number: number;
  readonly nodes: readonly LeafNode[];
}

export class PageWalk {
  /** What is damaged, in words. */
  readonly faults: string[] = [];
  readonly #file: PageFile;
  readonly #seen: Uint8Array;

  constructor(file: PageFile) {
    this.#file = file;
    this.#seen = new Uint8Array(file.pageEnd);
  }

  /** Whether a page was met: it belongs to a tree as it is now. */
  hasSeen(number: number): boolean {
    return this.#seen[number] === 1;
  }

  /** The trees of the tables. */
  tables(): Map<string, Tree> {
    const tables = new Map<string, Tree>();
    for (const { number, nodes } of this.leaves("the list of tables", this.#file.main)) {
      for (const { key, value, isTree } of nodes) {
        const tree = isTree && Buffer.isBuffer(value) ? parseTree(value) : undefined;
        if (tree === undefined) this.#damaged("the list of tables", number);
        // Names end with a zero byte.
        else tables.set(key.toString("latin1").replace(/\0$/, ""), tree);
      }
    }
    return tables;
  }

  /** The leaves of a tree that can be reached, in order. @param tree undefined where it is not known */
  *leaves(name: string, tree: Tree | undefined, order = byBytes): Generator<Leaf> {
    if (tree === undefined) this.faults.push(`${name} cannot be found`);
    else if (tree.root !== undefined) {
      let last: Buffer | undefined;
      let entries = 0;
      for (const leaf of this.#leavesOf(name, tree.root, tree.depth)) {
        if (leaf.nodes.some(({ key }) => !follows(order, last, (last = key)))) {
          this.#damaged(name, leaf.number);
        }
        entries += leaf.nodes.length;
        yield leaf;
      }
      if (entries !== tree.entries && this.faults.length === 0) {
        this.faults.push(`${name} has ${entries} entries, and should have ${tree.entries}`);
      }
    }
  }

  *#leavesOf(name: string, number: number, level: number): Generator<Leaf> {
    const page = this.#meet(number, 1) ? this.#file.page(number) : undefined;
    if (page?.type === "branch" && level > 1) {
      for (const child of page.children) yield* this.#leavesOf(name, child, level - 1);
    } else if (page?.type === "leaf" && level === 1) {
      for (const { value } of page.nodes) {
        if (Buffer.isBuffer(value)) continue;
        if (!this.#meet(value.page, value.pages) || !this.#file.hasValuePages(value)) {
          this.#damaged(name, value.page);
        }
      }
      yield { number, nodes: page.nodes };
    } else this.#damaged(name, number);
  }

  /** False where a page was met before: each belongs to one place. */
  #meet(number: number, count: number): boolean {
    if (number + count > this.#seen.length) return false;
    for (let page = number; page < number + count; page += 1) {
      if (this.#seen[page] === 1) return false;
      this.#seen[page] = 1;
    }
    return true;
  }

  #damaged(name: string, page: number): void {
    this.faults.push(`page ${page}, of ${name}, is damaged`);
  }
}

function follows(
  order: (one: Buffer, other: Buffer) => number,
  before: Buffer | undefined,
  key: Buffer,
): boolean {
  return before === undefined || order(before, key) < 0;
}

function byBytes(one: Buffer, other: Buffer): number {
  return Buffer.compare(one, other);
}

/** The free pages are listed by numbers as the machine has them. */
function byNumber(one: Buffer, other: Buffer): number {
  if (one.length !== 8 || other.length !== 8) return 0;
  const difference = one.readBigUInt64LE(0) - other.readBigUInt64LE(0);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

function goOver(leaves: Generator<Leaf>): void {
  while (leaves.next().done !== true);
}

/** What is damaged in the pages of a store's file, in words; empty where lmdb can read and write it. */
export function pageFaults(path: string, tables: readonly Table[]): string[] {
  const file = PageFile.open(path);
  try {
    // One that was just made.
    if (file.pageEnd === 0) return [];
    const walk = new PageWalk(file);
    const all = walk.tables();
    goOver(walk.leaves("the free pages", file.free, byNumber));
    for (const name of tables) {
      if (!all.has(name)) continue;
      goOver(walk.leaves(`the table ${name}`, all.get(name)));
    }
    return walk.faults;
  } finally {
    file.close();
  }
}
