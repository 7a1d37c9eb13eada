// Reads files that options name. A file may be a pipe, as in `--psk-file <(pass show shardcast)`. The time is limited,
// because a node must not hang at its start when no process writes to the pipe.
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync } from "node:fs";

const CHUNK_BYTES = 64 * 1024;
/** How long the writer of a pipe may take, in ms. */
const PIPE_MS = 5000;
const POLL_MS = 10;

/**
 * Returns the content of a file.
 * @throws Node's error if the file cannot be read; EISDIR for a folder; ETIMEDOUT if a pipe does not end in time
 */
export function readOptionFile(file: string): Buffer {
  const handle = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = fstatSync(handle);
    if (found.isDirectory()) throw fault("EISDIR", `${file} is a folder`);
    return found.isFIFO() ? readPipe(handle, file) : readFileSync(handle);
  } finally {
    closeSync(handle);
  }
}

function readPipe(handle: number, file: string): Buffer {
  const chunks: Buffer[] = [];
  const deadline = performance.now() + PIPE_MS;
  for (;;) {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    try {
      const count = readSync(handle, chunk);
      if (count === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, count));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      if (performance.now() > deadline) {
        throw fault("ETIMEDOUT", `${file} is a pipe without a writer`);
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, POLL_MS);
    }
  }
}

function fault(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
