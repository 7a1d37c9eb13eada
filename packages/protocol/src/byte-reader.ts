// Reads the fields of one frame's body in order. Reads fail only at the end of the body and on invalid UTF-8.
import { ShardcastError } from "./errors.ts";
import { EPOCH_BYTES } from "./limits.ts";
import { epochFromBytes } from "./position.ts";
import { readUint16, readUint32, readUint48 } from "./bytes.ts";
import { decodeText } from "./text.ts";

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  uint8(): number {
    return this.#bytes[this.#take(1)] ?? 0;
  }

  uint16(): number {
    return readUint16(this.#bytes, this.#take(2));
  }

  uint32(): number {
    return readUint32(this.#bytes, this.#take(4));
  }

  uint48(): number {
    return readUint48(this.#bytes, this.#take(6));
  }

  epoch(): string {
    return epochFromBytes(this.#bytes, this.#take(EPOCH_BYTES));
  }

  /** Returns a view, not a copy. */
  bytes(count: number): Uint8Array {
    const start = this.#take(count);
    return this.#bytes.subarray(start, start + count);
  }

  rest(): Uint8Array {
    return this.bytes(this.#end - this.#at);
  }

  /** Whether the whole body was read. */
  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  shortText(): string {
    return this.#text(this.uint8());
  }

  longText(): string {
    return this.#text(this.uint16());
  }

  #text(count: number): string {
    const start = this.#take(count);
    const text = decodeText(this.#bytes, start, start + count);
    if (text === undefined) throw malformed("a text is not UTF-8");
    return text;
  }

  /** @throws SHARDCAST_FRAME_MALFORMED if bytes remain: a frame has exactly its fields */
  finish(): void {
    if (this.#at !== this.#end)
      throw malformed(`a frame has ${this.#end - this.#at} bytes too many`);
  }

  #take(count: number): number {
    const start = this.#at;
    if (count > this.#end - start) throw malformed("a frame ends within a field");
    this.#at = start + count;
    return start;
  }
}

export function malformed(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_FRAME_MALFORMED", detail);
}
