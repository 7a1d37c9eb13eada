// The lmdb environment of one data folder: four tables, and writes that are gathered and committed together.
// A commit resolves when the disk has it. Reading never waits: it is a look into mapped memory.
import { statSync } from "node:fs";
import { ShardcastError } from "@shardcast/protocol";
import { open, type Database, type RootDatabase } from "lmdb";
import { commitFault } from "./commit-fault.ts";

export type Table = "topics" | "messages" | "ids" | "state";

export const TABLES = ["topics", "messages", "ids", "state"] as const;
const BINARY = { encoding: "binary", keyEncoding: "binary" } as const;

export interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** Records in the order of their keys: of a store, or of what is left of one. */
export interface RecordSource {
  /** All of a table from a key on. */
  from(table: Table, start: Buffer): Iterable<StoredEntry>;
  /** What lies from `start` to before `end`. */
  range(table: Table, start: Buffer, end: Buffer): Iterable<StoredEntry>;
}

interface Write {
  readonly table: Table;
  readonly key: Buffer;
  /** Undefined where the key is to go. */
  readonly value: Buffer | undefined;
}

/**
 * Keeps the pages of the store as it is now from being used for anything else, whoever writes to it.
 * @returns what lets go of them
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
  readonly #tables: Readonly<Record<Table, Database<Buffer, Buffer>>>;
  #staged: Write[] = [];
  /** Of all that wait for the disk. */
  #waiting: Write[] = [];
  #current: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #isClosed = false;
  readonly #file: string;
  /** Of the file that is open: another one of its name is another store. */
  readonly #inode: bigint;
  #fault: string | undefined;
  /** Told when the store is given up. */
  onFault: (reason: string) => void = () => undefined;

  /** @param file checked before: what is no store ends the process here */
  constructor(file: string, { readOnly = false } = {}) {
    this.#root = open<Buffer, Buffer>({
      path: file,
      ...BINARY,
      maxDbs: TABLES.length,
      readOnly,
      // A transaction is over when it is on disk, not when its sync is still under way.
      overlappingSync: false,
      // What belongs together is told to it: nothing waits for the end of a turn.
      eventTurnBatching: false,
    });
    this.#file = file;
    this.#inode = statSync(file, { bigint: true }).ino;
    const entries = TABLES.map((name) => [name, this.#root.openDB({ name, ...BINARY })] as const);
    this.#tables = Object.fromEntries(entries) as Record<Table, Database<Buffer, Buffer>>;
  }

  /** Bytes of the file that are in use or free for reuse. */
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
   * Why nothing is written until the store has been opened again and checked: a sync failed, or the file is gone.
   * Undefined where all is well, or the disk is full.
   */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Looks whether the file is still there: what is written to one that was deleted is gone with the process. */
  checkFile(): void {
    if (this.#fault !== undefined) return;
    try {
      if (statSync(this.#file, { bigint: true }).ino === this.#inode) return;
    } catch {
      // Gone, or its folder.
    }
    this.#fault = "the store's file was deleted or replaced";
  }

  get(table: Table, key: Buffer): Buffer | undefined {
    return this.#tables[table].get(key);
  }

  /** Keys from `start` to before `end`. */
  keys(table: Table, start: Buffer, end: Buffer, limit: number): Iterable<Buffer> {
    return this.#tables[table].getKeys({ start, end, limit, snapshot: false });
  }

  range(
    table: Table,
    start: Buffer,
    end: Buffer,
  ): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    return this.#tables[table].getRange({ start, end });
  }

  /** All of a table from a key on. */
  from(
    table: Table,
    start: Buffer,
    limit?: number,
  ): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    return this.#tables[table].getRange(limit === undefined ? { start } : { start, limit });
  }

  /** What lies between `start` and before `end`, the last first. */
  backwards(
    table: Table,
    start: Buffer,
    end: Buffer,
  ): Iterable<{ readonly key: Buffer; readonly value: Buffer }> {
    return this.#tables[table].getRange({ start: end, end: start, reverse: true });
  }

  /** Stages a write. The value must not change before it is committed. */
  put(table: Table, key: Buffer, value: Buffer): void {
    this.#staged.push({ table, key, value });
  }

  remove(table: Table, key: Buffer): void {
    this.#staged.push({ table, key, value: undefined });
  }

  /**
   * Makes all staged writes at once; where it fails, none of them.
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
  commit(): Promise<void> {
    const writes = this.#staged;
    this.#staged = [];
    return this.write(writes);
  }

  /**
   * Makes writes at once, and those of others with them that came while the disk was at work; where it fails,
   * none of them. One transaction at a time: each costs a sync, however much is in it.
   * @throws SHARDCAST_LOG_UNAVAILABLE
   */
  write(writes: readonly Write[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(unavailable("the log is closed"));
    for (const write of writes) this.#waiting.push(write);
    this.#next ??= this.#current.then(() => this.#writeWaiting());
    return this.#next;
  }

  /** Copies the store as it is at this moment, without what is free in it. It may be in use meanwhile. */
  async backup(file: string): Promise<void> {
    await this.#root.backup(file, true);
  }

  /** Ends when all that was to be written is. */
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
          if (value === undefined) void this.#tables[table].remove(key);
          else void this.#tables[table].put(key, value);
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
