// Flips one bit of a payload in a log's file, like decay of a disk. Only topics that may lose
// messages are affected: their payloads contain a mark that no other payload has.
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import type { Random } from "./random.ts";

/** Follows the number in the text of each message of a lossy topic. */
export const LOSSY_MARK = "|lossy ";

/** The size of one search window: the file may be large. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const WINDOWS = 8;
const BITS = 8;

/**
 * Flips a bit of a message's number.
 * @returns a description of the place; undefined if no such message was found
 */
export function flipPayloadBit(path: string, random: Random): string | undefined {
  const handle = openSync(path, "r+");
  try {
    const { size } = fstatSync(handle);
    const window = Buffer.alloc(Math.min(size, WINDOW_BYTES));
    for (let count = 0; count < WINDOWS; count += 1) {
      const start = random.between(0, size - window.length);
      readSync(handle, window, 0, window.length, start);
      const marks = marksIn(window);
      if (marks.length === 0) continue;
      const at = random.pick(marks) - 1;
      const bit = random.between(0, BITS - 1);
      writeSync(handle, Uint8Array.of((window[at] ?? 0) ^ (1 << bit)), 0, 1, start + at);
      return `bit ${bit} of byte ${start + at}`;
    }
    return undefined;
  } finally {
    closeSync(handle);
  }
}

function marksIn(bytes: Buffer): number[] {
  const marks: number[] = [];
  for (let at = bytes.indexOf(LOSSY_MARK, 1); at > 0; at = bytes.indexOf(LOSSY_MARK, at + 1)) {
    marks.push(at);
  }
  return marks;
}
