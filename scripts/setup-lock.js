// A lock between processes that share this checkout: a folder holding one file, named by its owner's pid.
// Each step that takes it is one rename, so two processes can never both succeed.

import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 100;
const DEADLINE_MS = 5 * 60_000;

/** Runs `work` while holding the lock; waits for a living owner, takes over from a dead one. */
export async function withLock(folder, work) {
  await acquire(folder);
  try {
    return await work();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function acquire(folder) {
  const deadline = Date.now() + DEADLINE_MS;
  while (!create(folder) && !takeOver(folder)) {
    if (Date.now() > deadline) {
      throw new Error(`another setup holds ${folder}; if none is running, delete that folder`);
    }
    await sleep(POLL_MS);
  }
}

/** A folder renamed onto another replaces it only if that one is empty, which no held lock is. */
function create(folder) {
  const own = `${folder}-${process.pid}`;
  mkdirSync(own, { recursive: true });
  writeFileSync(join(own, String(process.pid)), "");
  const created = tryRename(own, folder);
  if (!created) rmSync(own, { recursive: true });
  return created;
}

function takeOver(folder) {
  const owner = ownerOf(folder);
  if (owner === undefined || isAlive(Number(owner))) return false;
  return tryRename(join(folder, owner), join(folder, String(process.pid)));
}

function ownerOf(folder) {
  try {
    return readdirSync(folder)[0];
  } catch {
    return undefined; // just released
  }
}

function tryRename(from, to) {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    // Held (the first three, by platform), or released or taken over in the meantime.
    if (["ENOTEMPTY", "EEXIST", "EPERM", "ENOENT"].includes(error.code)) return false;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
