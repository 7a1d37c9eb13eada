// One consumer's data on disk: a file that identifies the folder, a lock, and the store.
//
//   shardcast.json   {"format":"shardcast-log","version":3,"node":"c1"}
//   lock.sock        exists while a process uses the folder
//   log.mdb          the store, with its lock file log.mdb-lock
//   unchecked        a write to the store failed: the next process checks the whole store before it uses it
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { ShardcastError } from "@shardcast/protocol";
import { FolderLock, LOCK_FILE } from "./folder-lock.ts";
import { checkStore } from "./salvage.ts";
import { PageStore } from "./page-store.ts";
import { Store, TABLES, pinPages, type RecordSource } from "./store.ts";
import { metaFault, pageFaults } from "./store-pages.ts";

const NOTE_FILE = "shardcast.json";
const STORE_FILE = "log.mdb";
const STORE_FILES = [STORE_FILE, `${STORE_FILE}-lock`];
const UNCHECKED_FILE = "unchecked";
const FORMAT = "shardcast-log";
/**
 * Version 1 had no checksums; in a folder with records of both kinds, the size of a record shows
 * whether it has one. Version 2 had no table of names.
 */
const VERSION = 3;
const OLD_VERSIONS: readonly number[] = [1, 2];
const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

interface Note {
  readonly format: string;
  readonly version: number;
  readonly node: string;
}

export class DataFolder {
  readonly store: Store;
  readonly #lock: FolderLock;

  private constructor(store: Store, lock: FolderLock) {
    this.store = store;
    this.#lock = lock;
  }

  /**
   * Opens a folder for one process, and creates it if it does not exist. Leaves unknown files as
   * they are.
   * @throws SHARDCAST_DATA_LOCKED, SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT,
   * SHARDCAST_OPTION_INVALID
   */
  static async open(path: string, nodeId: string): Promise<DataFolder> {
    makeFolder(path);
    const note = readNote(path);
    if (note !== undefined && note.node !== nodeId) {
      const detail = `${path} holds the data of ${note.node}, not of ${nodeId}`;
      throw new ShardcastError("SHARDCAST_DATA_FOREIGN", detail);
    }
    const lock = await FolderLock.take(path);
    try {
      // An older program would treat what it does not know as damage.
      if (note?.version !== VERSION) writeNote(path, nodeId);
      checkPages(path);
      const store = openStore(join(path, STORE_FILE));
      keepToOwner(path);
      await checkUnchecked(path, store);
      store.onFault = () => markUnchecked(path);
      return new DataFolder(store, lock);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.store.close();
    await this.#lock.release();
  }
}

/** A folder opened for reading only. */
export interface ReadFolder {
  readonly node: string;
  readonly records: RecordSource;
  /** Undefined if the file is damaged in a way that could crash lmdb. */
  readonly store: Store | undefined;
  /** Damage to the file itself, as human-readable descriptions. */
  readonly faults: readonly string[];
  close(): Promise<void>;
}

/**
 * Opens a folder's records for reading, even if a node uses the folder or its file is damaged.
 * @throws SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT if nothing can be read
 */
export async function openForReading(path: string): Promise<ReadFolder> {
  const note = readNote(path);
  if (note === undefined) throw foreign(path, `there is no ${NOTE_FILE}`);
  const { node } = note;
  const file = join(path, STORE_FILE);
  if (!statFile(file)) throw foreign(path, `there is no ${STORE_FILE}`);
  const fault = metaFault(file);
  const unpin = fault === undefined ? pinPages(file) : () => Promise.resolve();
  try {
    const faults = fault === undefined ? pageFaults(file, TABLES) : [fault];
    if (faults.length === 0) {
      const store = openStore(file, true);
      return { node, records: store, store, faults, close: () => store.close() };
    }
    const pages = PageStore.open(file);
    const close = (): Promise<void> => {
      pages.close();
      return Promise.resolve();
    };
    return {
      node,
      records: pages,
      store: undefined,
      faults: [...new Set([...faults, ...pages.faults])],
      close,
    };
  } finally {
    await unpin();
  }
}

/**
 * Looks for damage that could crash lmdb. Done at every start, since a file can decay while no
 * process uses it.
 * @throws SHARDCAST_DATA_CORRUPT
 */
function checkPages(path: string): void {
  const file = join(path, STORE_FILE);
  if (!statFile(file)) return;
  const [fault, ...others] = pageFaults(file, TABLES);
  if (fault === undefined) return;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  const detail = `${file}: ${fault}${more}; shardcast data repair ${path} <to> copies what is whole`;
  throw new ShardcastError("SHARDCAST_DATA_CORRUPT", detail);
}

/**
 * Whether a file exists.
 * @throws SHARDCAST_DATA_FOREIGN if something other than a file has its name
 */
function statFile(file: string): boolean {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (!found.isFile()) throw foreign(dirname(file), `${basename(file)} is no file`);
  return true;
}

/**
 * Creates a data folder from a copy of a store. It becomes a data folder only when it is complete:
 * a node does not start on an incomplete copy.
 * @throws SHARDCAST_DATA_FOREIGN if the folder is not empty
 */
export async function writeBackup(store: Store, node: string, path: string): Promise<void> {
  makeEmptyFolder(path);
  await store.backup(join(path, STORE_FILE));
  keepToOwner(path);
  writeNote(path, node);
}

/**
 * Creates a data folder whose store `fill` writes. Like a backup, it becomes a data folder only
 * when it is complete.
 * @throws SHARDCAST_DATA_FOREIGN if the folder is not empty
 */
export async function writeFolder<Result>(
  path: string,
  node: string,
  fill: (store: Store) => Promise<Result>,
): Promise<Result> {
  makeEmptyFolder(path);
  const store = openStore(join(path, STORE_FILE));
  keepToOwner(path);
  try {
    const result = await fill(store);
    await store.close();
    writeNote(path, node);
    return result;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * Checks the whole store if an earlier write failed.
 * @throws SHARDCAST_DATA_CORRUPT if the store is damaged
 */
async function checkUnchecked(path: string, store: Store): Promise<void> {
  const mark = join(path, UNCHECKED_FILE);
  if (!existsSync(mark)) return;
  const [fault] = checkStore(store).faults;
  if (fault === undefined) {
    rmSync(mark);
    return;
  }
  await store.close();
  const detail = `${path} was damaged when its disk failed: ${fault}; shardcast data repair copies what is whole`;
  throw new ShardcastError("SHARDCAST_DATA_CORRUPT", detail);
}

function markUnchecked(path: string): void {
  try {
    writeFileSync(join(path, UNCHECKED_FILE), "", { mode: OWNER_ONLY, flush: true });
  } catch {
    // Ignored: the mark would be on the disk that just failed.
  }
}

function makeEmptyFolder(path: string): void {
  makeFolder(path);
  const [name] = listOf(path);
  if (name === undefined) return;
  const detail = `${path} holds ${name}: the copy needs a folder that is empty or not there`;
  throw new ShardcastError("SHARDCAST_DATA_FOREIGN", detail);
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: OWNER_ONLY_FOLDER });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "";
    throw new ShardcastError("SHARDCAST_OPTION_INVALID", `--data ${path} cannot be made: ${why}`);
  }
}

/** @returns undefined for a new folder */
function readNote(path: string): Note | undefined {
  const names = listOf(path);
  if (!names.includes(NOTE_FILE)) {
    const other = names.find((name) => !name.startsWith(LOCK_FILE) && !name.startsWith(NOTE_FILE));
    if (other === undefined) return undefined;
    throw foreign(path, `it has ${other} and no ${NOTE_FILE}`);
  }
  if (!statFile(join(path, NOTE_FILE))) throw foreign(path, `there is no ${NOTE_FILE}`);
  const note = parseNote(readFileSync(join(path, NOTE_FILE), "utf8"));
  if (note?.format !== FORMAT) throw foreign(path, `its ${NOTE_FILE} is not Shardcast's`);
  if (note.version !== VERSION && !OLD_VERSIONS.includes(note.version)) {
    throw foreign(path, `it has version ${note.version}, this is version ${VERSION}`);
  }
  return note;
}

function listOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    throw foreign(path, cause instanceof Error ? cause.message : "");
  }
}

function parseNote(text: string): Note | undefined {
  try {
    const value = JSON.parse(text) as Partial<Note> | null;
    const { format, version, node } = value ?? {};
    if (typeof format !== "string" || typeof version !== "number" || typeof node !== "string") {
      return undefined;
    }
    return { format, version, node };
  } catch {
    return undefined;
  }
}

/** Writes to a temporary file first, so that the file is complete when it gets its name. */
function writeNote(path: string, node: string): void {
  const note: Note = { format: FORMAT, version: VERSION, node };
  const draft = join(path, `${NOTE_FILE}.new`);
  writeFileSync(draft, `${JSON.stringify(note)}\n`, { mode: OWNER_ONLY, flush: true });
  renameSync(draft, join(path, NOTE_FILE));
}

/**
 * lmdb creates its files with the umask's permissions, and other users may have access to the
 * folder.
 */
function keepToOwner(path: string): void {
  for (const name of STORE_FILES) {
    try {
      chmodSync(join(path, name), OWNER_ONLY);
    } catch {
      // The file does not exist, or belongs to another user.
    }
  }
}

function openStore(file: string, readOnly = false): Store {
  try {
    return new Store(file, { readOnly });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "";
    throw new ShardcastError("SHARDCAST_DATA_CORRUPT", `${file} cannot be opened: ${why}`, {
      cause,
    });
  }
}

function foreign(path: string, why: string): ShardcastError {
  return new ShardcastError(
    "SHARDCAST_DATA_FOREIGN",
    `${path} is no data folder of a node: ${why}`,
  );
}
