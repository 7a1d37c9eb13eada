// Visits the pages of a damaged store's trees as far as they can be reached, and reports the
// damaged ones.
import type { PageFile } from "./page-file.ts";
import { parseTree, type LeafNode, type Page, type Tree } from "./page.ts";
import { PageBytes } from "./sound-page.ts";

export interface Leaf {
  readonly number: number;
  readonly nodes: readonly LeafNode[];
}

export class PageWalk {
  /** Damage, as human-readable descriptions. */
  readonly faults: string[] = [];
  readonly #file: PageFile;
  readonly #seen: Uint8Array;
  readonly #bytes: PageBytes;

  constructor(file: PageFile) {
    this.#file = file;
    this.#seen = new Uint8Array(file.pageEnd);
    this.#bytes = new PageBytes(file.pageBytes);
    if (file.fault !== undefined) this.faults.push(file.fault);
  }

  /** Whether the walk met a page and found it intact: it belongs to a current tree. */
  hasSeen(number: number): boolean {
    return this.#seen[number] === 1;
  }

  /** The trees of the tables. */
  tables(): Map<string, Tree> {
    const tables = new Map<string, Tree>();
    for (const { number, nodes } of this.leaves("the list of tables", this.#file.meta?.main)) {
      for (const { key, value, isTree } of nodes) {
        const tree = isTree && Buffer.isBuffer(value) ? parseTree(value) : undefined;
        if (tree === undefined) this.#damaged("the list of tables", number);
        // Table names end with a zero byte.
        else tables.set(key.toString("latin1").replace(/\0$/, ""), tree);
      }
    }
    return tables;
  }

  /**
   * The reachable leaves of a tree, in order.
   * @param tree undefined if it is missing or unreadable
   */
  *leaves(name: string, tree: Tree | undefined): Generator<Leaf> {
    if (tree === undefined) this.faults.push(`${name} cannot be found`);
    else if (tree.root !== undefined) {
      let last: Buffer | undefined;
      let entries = 0;
      for (const leaf of this.#leavesOf(name, tree.root, tree.depth)) {
        if (leaf.nodes.some(({ key }) => !follows(last, (last = key)))) {
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
    const page = this.#meet(number, 1) ? this.#soundPage(number) : undefined;
    if (page?.type === "branch" && level > 1) {
      for (const child of page.children) yield* this.#leavesOf(name, child, level - 1);
    } else if (page?.type === "leaf" && level === 1) {
      for (const { value } of page.nodes) {
        if (Buffer.isBuffer(value)) continue;
        if (!this.#meet(value.page, value.pages) || this.#file.valueHead(value) === undefined) {
          this.#damaged(name, value.page);
        }
      }
      yield { number, nodes: page.nodes };
    } else this.#damaged(name, number);
  }

  /**
   * A page that fails these checks may hold records that the tree never had, so its records need a
   * matching checksum.
   */
  #soundPage(number: number): Page | undefined {
    const { meta, fault } = this.#file;
    const txn = fault === undefined ? (meta?.txn ?? Infinity) : Infinity;
    if (this.#file.readInto(this.#bytes.bytes, number) && this.#bytes.isSound(number, txn)) {
      return this.#file.page(number);
    }
    this.#seen[number] = 0;
    return undefined;
  }

  /** False if a page was met before: each page belongs to one place only. */
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

function follows(before: Buffer | undefined, key: Buffer): boolean {
  return before === undefined || Buffer.compare(before, key) < 0;
}
