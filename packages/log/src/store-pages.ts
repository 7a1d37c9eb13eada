// Checks all pages of a store's file before lmdb opens it. lmdb trusts its file: a damaged page can
// crash the process that reads or writes it.
import { areFreePages } from "./free-pages.ts";
import type { Meta } from "./meta-page.ts";
import { SUB_DATA, parseTree, type Tree } from "./page.ts";
import { PageFile } from "./page-file.ts";
import { PageBytes } from "./sound-page.ts";
import { SoundTrees } from "./sound-tree.ts";
import type { Table } from "./store.ts";

/**
 * Damage to the pages of a store's file, as human-readable descriptions; empty if lmdb can read and
 * write it.
 */
export function pageFaults(path: string, tables: readonly Table[]): string[] {
  return faultsIn(path, (file) => {
    if (file.meta === undefined || !areTransactionsTrue(file)) {
      return ["its first two pages do not say what its trees do"];
    }
    file.readThrough();
    return faultsOf(file, file.meta, tables);
  });
}

/** Damage to the two meta pages, which lmdb reads first, as a human-readable description. */
export function metaFault(path: string): string | undefined {
  return faultsIn(path, () => [])[0];
}

/** @param rest finds the damage after the first two pages */
function faultsIn(path: string, rest: (file: PageFile) => string[]): string[] {
  let file: PageFile;
  try {
    file = PageFile.open(path);
  } catch (error) {
    return [`it cannot be read: ${error instanceof Error ? error.message : String(error)}`];
  }
  try {
    if (file.isEmpty) return [];
    return file.fault === undefined ? rest(file) : [file.fault];
  } finally {
    file.close();
  }
}

/**
 * Every transaction rewrites the root of the tables' tree, which then has the transaction's number.
 * With a wrong number in a meta page, lmdb would take the previous state of the store for the
 * newest.
 */
function areTransactionsTrue(file: PageFile): boolean {
  const { meta, olderMeta } = file;
  const page = new PageBytes(file.pageBytes);
  const txnOf = (one: Meta | undefined): number | undefined => {
    const root = one?.main?.root;
    return root !== undefined && file.readInto(page.bytes, root) ? page.txn : undefined;
  };
  const txn = txnOf(meta);
  const olderTxn = txnOf(olderMeta);
  // In a copy, pages have the number of the first transaction, and the meta page that of the
  // original store.
  const isCopy = olderMeta?.txn === 0;
  if (txn !== undefined && txn !== meta?.txn && !isCopy) return false;
  return olderTxn === undefined || olderMeta === undefined || olderTxn <= olderMeta.txn;
}

function faultsOf(file: PageFile, meta: Meta, names: readonly string[]): string[] {
  const trees = new SoundTrees(file, meta.txn);
  const tables = new Map<string, Tree>();
  if (meta.main !== undefined) {
    trees.check(meta.main, {
      name: "the list of tables",
      nodeFlags: SUB_DATA,
      isEntry: (key, value) => {
        const tree = parseTree(value);
        // Table names end with a zero byte.
        const name = names.find((one) => key.equals(Buffer.from(`${one}\0`)));
        if (name === undefined || tree?.keyBytes !== 0 || tree.flags !== 0) return false;
        tables.set(name, tree);
        return true;
      },
    });
  }
  for (const [name, tree] of tables) {
    trees.check(tree, { name: `the table ${name}` });
  }
  if (meta.free !== undefined) {
    trees.check(meta.free, {
      name: "the free pages",
      order: "numbers",
      minChildren: 1,
      isEntry: (key, value) => {
        const txn = Number(key.readBigUInt64LE(0));
        return txn > 0 && txn <= meta.txn && areFreePages(value, trees.meet.bind(trees));
      },
    });
  }
  return [...new Set(trees.faults)];
}
