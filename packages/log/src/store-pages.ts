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
  const file = PageFile.open(path);
  try {
    // One that was just made.
    if (file.pageEnd === 0) return [];
    const { meta, fault } = file;
    if (fault !== undefined) return [fault];
    if (meta === undefined) return ["its first pages are damaged"];
    if (!areTransactionsTrue(file))
      return ["its first pages have other transactions than its trees"];
    return faultsOf(file, meta, tables);
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
