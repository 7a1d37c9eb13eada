// What lmdb itself does not survive: a file that is no store, or that lost its end. Both are told here,
// from the two pages at its start that say how the store stands, before lmdb maps the file.
import { closeSync, fstatSync, openSync } from "node:fs";
import { ShardcastError } from "@shardcast/protocol";
import { readMetas } from "./meta-page.ts";

/** @throws SHARDCAST_DATA_CORRUPT; nothing where there is no file, or an empty one */
export function checkHeader(path: string): void {
  let handle: number;
  try {
    handle = openSync(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw corrupt(path, error instanceof Error ? error.message : "");
  }
  try {
    if (fstatSync(handle).size === 0) return;
    const { fault } = readMetas(handle);
    if (fault !== undefined) throw corrupt(path, fault);
  } finally {
    closeSync(handle);
  }
}

function corrupt(path: string, why: string): ShardcastError {
  return new ShardcastError("SHARDCAST_DATA_CORRUPT", `${path} is damaged: ${why}`);
}
