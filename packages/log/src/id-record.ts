// The message ids of one batch, packed into one value. They arrive as bytes and are compared as
// bytes, so they are never decoded.
//
//   +--------+--------+-------+----  for each id
//   | offset | length | UTF-8 |
//   | u48    | u8     |       |
//   +--------+--------+-------+----
import { readUint48, writeUint48 } from "@shardcast/protocol";

const HEAD_BYTES = 7;
const LENGTH_AT = 6;
const START_BYTES = 64;

/** Called for each id with its message's offset and the range of its bytes. */
export type IdVisitor = (offset: number, bytes: Uint8Array, start: number, end: number) => void;

export class IdRecord {
  #bytes: Buffer;
  #end: number;
  #count = 0;

  /** @param stored a record read from the store. Default: an empty record */
  constructor(stored?: Buffer) {
    this.#bytes = stored ?? Buffer.alloc(0);
    this.#end = this.#bytes.length;
  }

  /** The number of ids added. */
  get count(): number {
    return this.#count;
  }

  /** The bytes to store. Add no ids after reading them. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#end);
  }

  /** Adds the id at `source[start, end)`, at most 255 bytes. */
  add(offset: number, source: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const at = this.#end;
    this.#end += HEAD_BYTES + length;
    if (this.#end > this.#bytes.length) this.#grow();
    writeUint48(this.#bytes, at, offset);
    this.#bytes[at + LENGTH_AT] = length;
    for (let index = 0; index < length; index += 1) {
      this.#bytes[at + HEAD_BYTES + index] = source[start + index] ?? 0;
    }
    this.#count += 1;
  }

  forEach(visit: IdVisitor): void {
    for (let at = 0; at + HEAD_BYTES <= this.#end;) {
      const start = at + HEAD_BYTES;
      const end = start + (this.#bytes[at + LENGTH_AT] ?? 0);
      visit(readUint48(this.#bytes, at), this.#bytes, start, end);
      at = end;
    }
  }

  #grow(): void {
    const grown = Buffer.allocUnsafe(Math.max(START_BYTES, 2 * this.#end));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
