// One process a data folder: whoever listens on the socket in it has the folder, and lets go of it by
// ending, however it ends. A socket file that nobody listens on is what a process left that was killed.
// It works across containers that share the folder, and needs no clock.
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
/** Longer paths are no addresses of sockets (sun_path, unix(7)). */
const MAX_ADDRESS_BYTES = 100;
const OWNER_ONLY = 0o600;
const ANSWER_TIMEOUT_MS = 2000;
/** While it is there, one process looks whether the lock is dead. */
const GUARD_FILE = `${LOCK_FILE}.guard`;
const GUARD_MS = 10_000;
const RETRY_MS = 50;
const TRIES = 300;
const DEAD: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOENT"]);

/** The guard that another process has, and since when it is seen, by the monotonic clock. */
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

  /** @throws SHARDCAST_DATA_LOCKED where another process has it */
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

/** Gives the socket its name, unless one has it that answers. */
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

/** Removes a socket that nobody listens on. One at a time: a name that is dead stays so until it is removed. */
async function clearDead(
  { folder, address, name }: Readonly<Record<"folder" | "address" | "name", string>>,
  seen: SeenGuard,
): Promise<void> {
  const guard = join(folder, GUARD_FILE);
  try {
    mkdirSync(guard);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    // Somebody else is at it, unless that one was killed in the middle.
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
 * Not `rmSync`: that looks at the file first, and when the last file that Node looked at is a socket, its
 * realpathSync takes the next path as it is (lib/fs.js, `isFileType(statValues, S_IFSOCK)`). Modules that
 * are loaded after that are then not found behind their symbolic links.
 */
function unlink(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** Whether the same guard was there all the time. How old a file is, its time says only where nobody sets clocks. */
function isStuck(path: string, seen: SeenGuard): boolean {
  const guard = identityOf(path);
  if (guard !== seen.guard) {
    seen.guard = guard;
    seen.since = performance.now();
  }
  return guard !== "" && performance.now() - seen.since >= GUARD_MS;
}

/** Empty where there is none any more. */
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

/** Tells whether a process listens there: one that is too busy to take a connection does. */
function isAnswered(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(address);
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
    socket.once("connect", () => socket.destroy());
    socket.once("error", (error) => resolve(!DEAD.has(codeOf(error) ?? "")));
    socket.once("close", () => resolve(true));
  });
}

/** A folder whose path is too long for a socket's address is named by its file descriptor. */
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
