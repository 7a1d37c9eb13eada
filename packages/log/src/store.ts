// The lmdb environment of one data folder: five tables, with staged writes that are committed
// together. A commit resolves when the data is on disk. Reads are synchronous, from mapped memory.
import { statSync } from "node:fs";
import { ShardcastError } from "@shardcast/protocol";
import { open, type Database, type RootDatabase } from "lmdb";
import { commitFault } from "./commit-fault.ts";

export type Table = "topics" | "names" | "messages" | "ids" | "state";

export const TABLES = ["topics", "names", "messages", "ids", "state"] as const;
const BINARY = { encoding: "binary", keyEncoding: "binary" } as const;

type StoreTable = Database<Buffer, Buffer>;

export interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Records in key order: of a store, or of the readable part of a damaged one. */
export interface RecordSource {
  /** All records of a table from a key on. */
  from(table: Table, start: Buffer): Iterable<StoredEntry>;
  /** The records from `start` up to, not including, `end`. */
  range(table: Table, start: Buffer, end: Buffer): Iterable<StoredEntry>;
}

interface Write {
  readonly table: Table;
  readonly key: Buffer;
  /** Undefined to remove the key. */
  readonly value: Buffer | undefined;
}

/**
 * Keeps writers from reusing the pages of the store's present state.
 * @returns a function that releases the pages
 */
export function pinPages(file: string): () => Promise<void> {
  const root = open<Buffer, Buffer>({
    path: file,
    ...BINARY,
    maxDbs: TABLES.length,
    readOnly: true,
  });
  const transaction = root.useReadTransaction();
  return async () => {
    transaction.done();
    await root.close();
  };
}

export class Store implements RecordSource {
  readonly #root: RootDatabase<Buffer, Buffer>;
  /** A table that an older version did not have is undefined in a store that is only read. */
  readonly #tables: Partial<Record<Table, StoreTable | undefined>> = {};
  #staged: Write[] = [];
  /** All writes that wait for the disk. */
  #waiting: Write[] = [];
  #current: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #isClosed = false;
  readonly #file: string;
  /** Identifies the open file: another file with the same name is another store. */
  readonly #inode: bigint;
  #fault: string | undefined;
  /** Called when the store can no longer be written. */
  onFault: (reason: string) => void = () => undefined;

  /** @param file must have been checked: lmdb may crash the process if it is not a store */
  constructor(file: string, { readOnly = false } = {}) {
    this.#root = open<Buffer, Buffer>({
      path: file,
      ...BINARY,
      maxDbs: TABLES.length,
      readOnly,
      // A transaction must not resolve before its sync has ended.
      overlappingSync: false,
      // Writes that belong together are passed together, so lmdb need not wait for the end of the
      // turn.
      eventTurnBatching: false,
    });
    this.#file = file;
    this.#inode = statSync(file, { bigint: true }).ino;
    for (const name of TABLES) {
      // In a read-only store, lmdb returns undefined for a table that does not exist.
      this.#tables[name] = this.#root.openDB({ name, ...BINARY });
    }
  }

  /** The size of the file in bytes, including free pages. */
  get fileBytes(): number {
    const { pageSize, lastPageNumber } = this.#root.getStats() as {
      pageSize: number;
      lastPageNumber: number;
    };
    return (lastPageNumber + 1) * pageSize;
  }

  get isChanged(): boolean {
    return this.#staged.length > 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Why the store is not written until it is opened again and checked: a sync failed, or the file
   * is gone. Undefined if it can be written, or if the disk is full.
   */
  get fault(): string | undefined {
    return this.#fault;
  }

  /**
   * Checks that the file still exists: data written to a deleted file is lost when the process
   * ends.
   */
  checkFile(): void {
    if (this.#fault !== undefined) return;
    try {
      if (statSync(this.#file, { bigint: true }).ino === this.#inode) return;
    } catch {
      // The file or its folder does not exist.
    }
    this.#fault = "the store's file was deleted or replaced";
  }

  get(table: Table, key: Buffer): Buffer | undefined {
    return this.#tables[table]?.get(key);
  }

  /** At most `limit` keys from `start` up to, not including, `end`. */
  keys(table: Table, start: Buffer, end: Buffer, limit: number): Iterable<Buffer> {
    return this.#tables[table]?.getKeys({ start, end, limit, snapshot: false }) ?? [];
  }

  range(
    table: Table,
    start: Buffer,
    end: Buffer,
  ): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    return this.#tables[table]?.getRange({ start, end }) ?? [];
  }

  /** All records of a table from a key on. */
  from(
    table: Table,
    start: Buffer,
    limit?: number,
  ): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    return this.#tables[table]?.getRange(limit === undefined ? { start } : { start, limit }) ?? [];
  }

  /** The records from `start` up to, not including, `end`, in reverse order. */
  backwards(
    table: Table,
    start: Buffer,
    end: Buffer,
  ): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    return this.#tables[table]?.getRange({ start: end, end: start, reverse: true }) ?? [];
  }

  /** Stages a write. Do not change the value before it is committed. */
  put(table: Table, key: Buffer, value: Buffer): void {
    this.#staged.push({ table, key, value });
  }

  remove(table: Table, key: Buffer): void {
    this.#staged.push({ table, key, value: undefined });
  }

  /**
   * Commits all staged writes; if it fails, none of them is written.
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
  commit(): Promise<void> {
    const writes = this.#staged;
    this.#staged = [];
    return this.write(writes);
  }

  /**
   * Commits writes, together with others that arrive during a disk write; if it fails, none of them
   * is written. Only one transaction runs at a time, since each costs a sync, whatever its size.
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
  write(writes: readonly Write[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(unavailable("the log is closed"));
    for (const write of writes) this.#waiting.push(write);
    this.#next ??= this.#current.then(() => this.#writeWaiting());
    return this.#next;
  }

  /**
   * Copies the present state of the store, without free pages. The store may be in use meanwhile.
   */
  async backup(file: string): Promise<void> {
    await this.#root.backup(file, true);
  }

  /** Resolves when all pending writes have ended. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#next?.catch(() => undefined);
    await this.#current;
    await this.#root.close();
  }

  #writeWaiting(): Promise<void> {
    const writes = this.#waiting;
    this.#waiting = [];
    this.#next = undefined;
    const done = this.#transact(writes);
    this.#current = done.catch(() => undefined);
    return done;
  }

  async #transact(writes: readonly Write[]): Promise<void> {
    this.#throwFault();
    try {
      await this.#root.batch(() => {
        for (const { table, key, value } of writes) {
          if (value === undefined) void this.#tables[table]?.remove(key);
          else void this.#tables[table]?.put(key, value);
        }
      });
    } catch (error) {
      throw await this.#failed(error, writes);
    }
    this.checkFile();
    this.#throwFault();
  }

  #throwFault(): void {
    if (this.#fault !== undefined) throw unavailable(this.#fault);
  }

  async #failed(error: unknown, writes: readonly Write[]): Promise<ShardcastError> {
    const bytes = writes.reduce(
      (sum, { key, value }) => sum + key.length + (value?.length ?? 0),
      0,
    );
    const { reason, isFinal } = await commitFault(this.#file, error, bytes);
    if (isFinal) {
      this.#fault = `the disk failed: ${reason}`;
      this.onFault(this.#fault);
    }
    return unavailable(this.#fault ?? reason, error);
  }
}

function unavailable(reason: string, cause?: unknown): ShardcastError {
  return new ShardcastError("SHARDCAST_LOG_UNAVAILABLE", reason, { cause });
}
