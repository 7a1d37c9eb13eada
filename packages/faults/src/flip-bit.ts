// Flips one bit of a payload in a log's file, as a disk that rots. Only of topics that may lose messages: their payloads
// have a mark in them that other payloads do not have.
import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";
import type { Random } from "./random.ts";

/** In the text of each message of a topic that may lose some, behind its number. */
export const LOSSY_MARK = "|lossy ";

/** What is looked at at once: the file may be large. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const WINDOWS = 8;
const BITS = 8;

/**
 * Flips a bit of a message's number.
 * @returns where, in words; undefined where no such message was found
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
