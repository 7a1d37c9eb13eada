// The file with the pre-shared key: created once, never overwritten, readable only by its owner.
import { randomBytes } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { readSecretFile } from "@shardcast/options";
import { ShardcastError } from "@shardcast/protocol";
import { codeOf, reasonOf } from "./fault.ts";

const KEY_BYTES = 32;
const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

/** Returns the first line of a key file. @throws SHARDCAST_KEY_MISSING, SHARDCAST_OPTION_INVALID */
export function readKey(file: string): string {
  return readSecretFile("the key file", file)[0];
}

/**
 * Creates the file with a random key if it does not exist. Checks an existing file.
 * @returns whether the file was created
 * @throws SHARDCAST_KEY_MISSING
 */
export function ensureKeyFile(file: string): boolean {
  const isNew = !isThere(file) && createKeyFile(file);
  readKey(file);
  return isNew;
}

/** Writes the key before the file gets its name. If two processes start together, one creates the file, both read it. */
function createKeyFile(file: string): boolean {
  const draft = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true, mode: OWNER_ONLY_FOLDER });
    rmSync(draft, { force: true });
    writeFileSync(draft, `${randomKey()}\n`, { flag: "wx", mode: OWNER_ONLY, flush: true });
    linkSync(draft, file);
    return true;
  } catch (cause) {
    if (codeOf(cause) === "EEXIST" && isThere(file)) return false;
    const detail = `the key file ${file} cannot be created: ${reasonOf(cause)}`;
    throw new ShardcastError("SHARDCAST_KEY_MISSING", detail, { cause });
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Returns a key that can be the argument of an option: it does not begin with a dash. */
function randomKey(): string {
  for (;;) {
    const key = randomBytes(KEY_BYTES).toString("base64url");
    if (!key.startsWith("-")) return key;
  }
}

function isThere(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch (error) {
    return codeOf(error) !== "ENOENT";
  }
}
