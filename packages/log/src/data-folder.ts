// One consumer's data on disk: a note of what it is, a lock, and the store.
//
//   shardcast.json   {"format":"shardcast-log","version":2,"node":"c1"}
//   lock.sock        held while a process uses the folder
//   log.mdb          the store, with log.mdb-lock beside it
//   unchecked        the store failed to write to it: whoever opens it next looks at all of it first
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ShardcastError } from "@shardcast/protocol";
import { FolderLock, LOCK_FILE } from "./folder-lock.ts";
import { checkStore } from "./salvage.ts";
import { Store } from "./store.ts";
import { checkHeader } from "./store-header.ts";

const NOTE_FILE = "shardcast.json";
const STORE_FILE = "log.mdb";
const STORE_FILES = [STORE_FILE, `${STORE_FILE}-lock`];
const UNCHECKED_FILE = "unchecked";
const FORMAT = "shardcast-log";
/** Version 1 had no checksums. Where both are, each record tells by its size whether it has one. */
const VERSION = 2;
const OLD_VERSION = 1;
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
   * Opens a folder for one process, and makes it where there is none. What it does not know it leaves as it is.
   * @throws SHARDCAST_DATA_LOCKED, SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT, SHARDCAST_OPTION_INVALID
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
      // A program that knows version 1 alone would take what is stored from now on for damaged.
      if (note?.version !== VERSION) writeNote(path, nodeId);
      await checkHeader(join(path, STORE_FILE));
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

/**
 * The store of a folder that a node may have in use, to be read.
 * @throws SHARDCAST_DATA_FOREIGN, SHARDCAST_DATA_CORRUPT
 */
export async function openForReading(
  path: string,
): Promise<{ readonly store: Store; readonly node: string }> {
  const note = readNote(path);
  if (note === undefined) throw foreign(path, `there is no ${NOTE_FILE}`);
  const file = join(path, STORE_FILE);
  await checkHeader(file);
  return { store: openStore(file, true), node: note.node };
}

/**
 * Makes a data folder of a store's copy. It is one only when all of it is there: a node does not start on a part.
 * @throws SHARDCAST_DATA_FOREIGN where the folder holds something
 */
export async function writeBackup(store: Store, node: string, path: string): Promise<void> {
  makeEmptyFolder(path);
  await store.backup(join(path, STORE_FILE));
  keepToOwner(path);
  writeNote(path, node);
}

/**
 * Makes a data folder that `fill` writes, likewise.
 * @throws SHARDCAST_DATA_FOREIGN where the folder holds something
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

/** @throws SHARDCAST_DATA_CORRUPT where the disk failed before, and what is stored is not whole */
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
    // The disk that has failed is the one that this would be on.
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

/** @returns undefined where the folder is new */
function readNote(path: string): Note | undefined {
  const names = listOf(path);
  if (!names.includes(NOTE_FILE)) {
    const other = names.find((name) => !name.startsWith(LOCK_FILE) && !name.startsWith(NOTE_FILE));
    if (other === undefined) return undefined;
    throw foreign(path, `it has ${other} and no ${NOTE_FILE}`);
  }
  const note = parseNote(readFileSync(join(path, NOTE_FILE), "utf8"));
  if (note?.format !== FORMAT) throw foreign(path, `its ${NOTE_FILE} is not Shardcast's`);
  if (note.version !== VERSION && note.version !== OLD_VERSION) {
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

/** Whole before it has its name. */
function writeNote(path: string, node: string): void {
  const note: Note = { format: FORMAT, version: VERSION, node };
  const draft = join(path, `${NOTE_FILE}.new`);
  writeFileSync(draft, `${JSON.stringify(note)}\n`, { mode: OWNER_ONLY, flush: true });
  renameSync(draft, join(path, NOTE_FILE));
}

/** lmdb makes its files as the umask has it. The folder may be one that others can look into. */
function keepToOwner(path: string): void {
  for (const name of STORE_FILES) {
    try {
      chmodSync(join(path, name), OWNER_ONLY);
    } catch {
      // Not there, or somebody else's.
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
