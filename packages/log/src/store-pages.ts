// Looks at all pages of a store's file before lmdb does. lmdb believes its file: a page that is not what it has to be
// may end the process that reads or writes it.
import { areFreePages } from "./free-pages.ts";
import type { Meta } from "./meta-page.ts";
import { SUB_DATA, parseTree, type Tree } from "./page.ts";
import { PageFile } from "./page-file.ts";
import { PageBytes } from "./sound-page.ts";
import { SoundTrees } from "./sound-tree.ts";
import type { Table } from "./store.ts";

/** What is damaged in the pages of a store's file, in words; empty where lmdb can read and write it. */
export function pageFaults(path: string, tables: readonly Table[]): string[] {
  return faultsIn(path, (file) => {
    if (file.meta === undefined || !areTransactionsTrue(file)) {
      return ["its first two pages do not say what its trees do"];
    }
    file.readThrough();
    return faultsOf(file, file.meta, tables);
  });
}

/** What is damaged of the two pages that lmdb looks at before all others, in words. */
export function metaFault(path: string): string | undefined {
  return faultsIn(path, () => [])[0];
}

/** @param rest what is damaged beside the first two pages */
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
 * Every transaction writes the list of tables anew: its root has the transaction's number. With a wrong number the
 * store as it was before would be taken for the newest.
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
  // A copy has pages of the first transaction, and the number that the store had.
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
        // Names end with a zero byte.
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
