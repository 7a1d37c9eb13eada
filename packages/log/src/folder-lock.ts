// Locks a data folder for one process. The process that listens on the folder's socket holds the
// lock, and releases it when it ends, for whatever reason. A socket file without a listener was
// left by a process that was killed. The lock works across containers that share the folder, and
// needs no clock.
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  unlinkSync,
} from "node:fs";
import { once } from "node:events";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { ShardcastError } from "@shardcast/protocol";

export const LOCK_FILE = "lock.sock";
/** Socket addresses have a maximum length (sun_path, unix(7)). */
const MAX_ADDRESS_BYTES = 100;
const OWNER_ONLY = 0o600;
const ANSWER_TIMEOUT_MS = 2000;
/** While this folder exists, one process checks whether the lock is dead. */
const GUARD_FILE = `${LOCK_FILE}.guard`;
const GUARD_MS = 10_000;
const RETRY_MS = 50;
const TRIES = 300;
const DEAD: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOENT"]);

/** The guard of another process, and when this process first saw it, by the monotonic clock. */
interface SeenGuard {
  guard: string;
  since: number;
}

export class FolderLock {
  readonly #folder: string;
  readonly #server: Server;
  readonly #handle: number | undefined;

  private constructor(folder: string, server: Server, handle: number | undefined) {
    this.#folder = folder;
    this.#server = server;
    this.#handle = handle;
  }

  /** @throws SHARDCAST_DATA_LOCKED if another process holds the lock */
  static async take(folder: string): Promise<FolderLock> {
    const { base, handle } = addressable(folder);
    const own = `${LOCK_FILE}.${randomUUID().slice(0, 8)}`;
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.end();
    });
    try {
      server.listen(join(base, own));
      await once(server, "listening");
      chmodSync(join(base, own), OWNER_ONLY);
      server.unref();
      await claim(folder, base, own);
    } catch (error) {
      server.close();
      if (handle !== undefined) closeSync(handle);
      throw error;
    } finally {
      unlink(join(folder, own));
    }
    return new FolderLock(folder, server, handle);
  }

  async release(): Promise<void> {
    unlink(join(this.#folder, LOCK_FILE));
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
    if (this.#handle !== undefined) closeSync(this.#handle);
  }
}

/** Links the socket to the lock's name, unless a process listens on a socket with that name. */
async function claim(folder: string, base: string, own: string): Promise<void> {
  const name = join(folder, LOCK_FILE);
  const seen = { guard: "", since: 0 };
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    try {
      linkSync(join(folder, own), name);
      return;
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    await clearDead({ folder, address: join(base, LOCK_FILE), name }, seen);
  }
  throw locked(folder);
}

/**
 * Removes a socket without a listener. The guard lets one process do this at a time, so that no
 * process removes a socket that another one has just linked.
 */
async function clearDead(
  { folder, address, name }: Readonly<Record<"folder" | "address" | "name", string>>,
  seen: SeenGuard,
): Promise<void> {
  const guard = join(folder, GUARD_FILE);
  try {
    mkdirSync(guard);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    // Another process is checking the lock, unless it was killed while it did.
    if (isStuck(guard, seen)) rmSync(guard, { recursive: true, force: true });
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    return;
  }
  try {
    if (await isAnswered(address)) throw locked(folder);
    unlink(name);
  } finally {
    rmSync(guard, { recursive: true, force: true });
  }
}

/**
 * Unlinks a file without `rmSync`, which calls lstat first. If the last file that Node looked at
 * was a socket, its realpathSync does not resolve the next path (lib/fs.js, `isFileType(statValues,
 * S_IFSOCK)`), and Node then cannot find modules behind symbolic links.
 */
function unlink(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/**
 * Whether the same guard has existed for GUARD_MS. Measured by the monotonic clock: the file's time
 * is wrong after the system clock is set.
 */
function isStuck(path: string, seen: SeenGuard): boolean {
  const guard = identityOf(path);
  if (guard !== seen.guard) {
    seen.guard = guard;
    seen.since = performance.now();
  }
  return guard !== "" && performance.now() - seen.since >= GUARD_MS;
}

/** @returns an empty string if the guard does not exist */
function identityOf(path: string): string {
  try {
    const { ino, mtimeMs } = statSync(path);
    return `${ino} ${mtimeMs}`;
  } catch {
    return "";
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}

/**
 * Whether a process listens on the socket. A process that is too busy to accept a connection counts
 * as listening.
 */
function isAnswered(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
    socket.once("connect", () => socket.destroy());
    socket.once("error", (error) => resolve(!DEAD.has(codeOf(error) ?? "")));
    socket.once("close", () => resolve(true));
  });
}

/** Addresses the folder by file descriptor if its path is too long for a socket address. */
function addressable(folder: string): { base: string; handle: number | undefined } {
  if (Buffer.byteLength(folder) + LOCK_FILE.length + 10 < MAX_ADDRESS_BYTES) {
    return { base: folder, handle: undefined };
  }
  const handle = openSync(folder, "r");
  return { base: `/proc/self/fd/${handle}`, handle };
}

function locked(folder: string): ShardcastError {
  return new ShardcastError("SHARDCAST_DATA_LOCKED", `another process uses ${folder}`);
}
