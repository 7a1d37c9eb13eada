// Reads a damaged store without lmdb, for a repair. Pages that a tree leads to are as they were
// committed. If a tree is damaged, every other page of the file is searched too: a leaf that no
// tree leads to may be lost or out of date. A record from such a leaf counts only if its checksum
// matches, and of several records with the same key the newest counts.
import { textOfEntry } from "./lmdb-state.ts";
import { wholeBatch } from "./message-record.ts";
import { PageFile } from "./page-file.ts";
import { PageWalk } from "./page-walk.ts";
import type { LeafNode } from "./page.ts";
import { decodeKey, isChecked, isWhole } from "./record-key.ts";
import { TABLES, type RecordSource, type StoredEntry, type Table } from "./store.ts";
import { decodeName } from "./topic-name.ts";
import { decodeTopicRecord } from "./topic-record.ts";

/** The place of a record in the file. */
interface PagePlace {
  readonly key: Buffer;
  readonly page: number;
  readonly index: number;
  readonly txn: bigint;
}

export class PageStore implements RecordSource {
  /** Damage, as human-readable descriptions. */
  readonly faults: readonly string[];
  readonly #file: PageFile;
  readonly #tables: Readonly<Record<Table, readonly PagePlace[]>>;
  #last: { readonly page: number; readonly nodes: readonly LeafNode[] } | undefined;

  private constructor(file: PageFile) {
    this.#file = file;
    const walk = new PageWalk(file);
    const trees = walk.tables();
    const tables = Object.fromEntries(
      TABLES.map((name) => {
        const places = new Map<string, PagePlace>();
        if (name === "names" && trees.has("topics") && !trees.has(name)) return [name, places];
        for (const { number, nodes } of walk.leaves(`the table ${name}`, trees.get(name))) {
          nodes.forEach(({ key }, index) => {
            places.set(key.toString("latin1"), { key, page: number, index, txn: NEWEST });
          });
        }
        return [name, places];
      }),
    ) as Record<Table, Map<string, PagePlace>>;
    if (walk.faults.length > 0) this.#addLost(walk, tables);
    this.faults = walk.faults;
    this.#tables = {
      topics: inOrder(tables.topics),
      names: inOrder(tables.names),
      messages: inOrder(tables.messages),
      ids: inOrder(tables.ids),
      state: inOrder(tables.state),
    };
  }

  static open(path: string): PageStore {
    return new PageStore(PageFile.open(path));
  }

  close(): void {
    this.#file.close();
  }

  from(table: Table, start: Buffer): Iterable<StoredEntry> {
    return this.#entries(table, start, undefined);
  }

  range(table: Table, start: Buffer, end: Buffer): Iterable<StoredEntry> {
    return this.#entries(table, start, end);
  }

  *#entries(table: Table, start: Buffer, end: Buffer | undefined): Generator<StoredEntry> {
    const places = this.#tables[table];
    for (let index = indexOf(places, start); index < places.length; index += 1) {
      const place = places[index];
      if (place === undefined) return;
      if (end !== undefined && Buffer.compare(place.key, end) >= 0) return;
      const value = this.#valueAt(place);
      if (value !== undefined) yield { key: place.key, value };
    }
  }

  /** Adds the records of pages that no tree leads to. */
  #addLost(walk: PageWalk, tables: Readonly<Record<Table, Map<string, PagePlace>>>): void {
    for (let number = 2; number < this.#file.pageEnd; number += 1) {
      if (walk.hasSeen(number)) continue;
      const page = this.#file.page(number);
      if (page?.type !== "leaf") continue;
      page.nodes.forEach((node, index) => {
        const value = this.#valueOf(node);
        const table = value === undefined ? undefined : tableOf(node.key, value);
        if (table === undefined) return;
        const name = node.key.toString("latin1");
        const known = tables[table].get(name);
        if (known !== undefined && known.txn >= page.txn) return;
        tables[table].set(name, { key: Buffer.from(node.key), page: number, index, txn: page.txn });
      });
    }
  }

  #valueAt({ page, index }: PagePlace): Buffer | undefined {
    if (this.#last?.page !== page) {
      const read = this.#file.page(page);
      if (read?.type !== "leaf") return undefined;
      this.#last = { page, nodes: read.nodes };
    }
    const node = this.#last.nodes[index];
    return node === undefined ? undefined : this.#valueOf(node);
  }

  #valueOf({ value, bytes }: LeafNode): Buffer | undefined {
    if (Buffer.isBuffer(value)) return value;
    const stored = this.#file.valuePages(value);
    return stored === undefined || stored.length < bytes ? undefined : stored.subarray(0, bytes);
  }
}

/** The transaction number for records that a tree leads to: no other page is newer. */
const NEWEST = 0xffff_ffff_ffff_ffffn;

/**
 * The table to which a record from an unreferenced page belongs; undefined if its checksum does not
 * match.
 */
function tableOf(key: Buffer, value: Buffer): Table | undefined {
  if (isChecked(key) && isWhole(key, value)) {
    const record = { key: decodeKey(key), value, isWhole: true };
    return wholeBatch(record, 0) === undefined ? "ids" : "messages";
  }
  if (value.length === CHECKED_TOPIC_BYTES && decodeTopicRecord(key, value) !== undefined) {
    return "topics";
  }
  if (decodeName(key, value) !== undefined) return "names";
  const isState = key[0] === COLON && value.includes(0xff);
  return isState && textOfEntry(key, value) !== undefined ? "state" : undefined;
}

const COLON = 0x3a;
const CHECKED_TOPIC_BYTES = 52;

function inOrder(places: ReadonlyMap<string, PagePlace>): PagePlace[] {
  return [...places.values()].sort((one, other) => Buffer.compare(one.key, other.key));
}

function indexOf(places: readonly PagePlace[], start: Buffer): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const place = places[middle];
    if (place !== undefined && Buffer.compare(place.key, start) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
