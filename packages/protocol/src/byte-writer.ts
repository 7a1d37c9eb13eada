// Encodes frames into a growing byte array. The hot path does not use it: it writes in place.
import { ShardcastError } from "./errors.ts";
import { FRAME_MAX_BODY_BYTES } from "./limits.ts";
import { writeUint16, writeUint32, writeUint48 } from "./bytes.ts";
import { encodeText } from "./text.ts";

export class ByteWriter {
  #bytes = new Uint8Array(256);
  #at = 0;

  /** Writes a frame's header, calls `body` to write the body, then fills in the length. */
  frame(type: number, body: () => void): void {
    const start = this.#at;
    this.uint32(0);
    body();
    const bodyBytes = this.#at - start - 4;
    if (bodyBytes > FRAME_MAX_BODY_BYTES) {
      throw new ShardcastError(
        "SHARDCAST_FRAME_TOO_LARGE",
        `a frame's body has ${bodyBytes} bytes; the limit is ${FRAME_MAX_BODY_BYTES}`,
      );
    }
    writeUint32(this.#bytes, start, ((type << 24) | bodyBytes) >>> 0);
  }

  uint8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at] = value;
    this.#at += 1;
  }

  uint16(value: number): void {
    this.#reserve(2);
    writeUint16(this.#bytes, this.#at, value);
    this.#at += 2;
  }

  uint32(value: number): void {
    this.#reserve(4);
    writeUint32(this.#bytes, this.#at, value);
    this.#at += 4;
  }

  uint48(value: number): void {
    this.#reserve(6);
    writeUint48(this.#bytes, this.#at, value);
    this.#at += 6;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  /** Writes the length as one byte, then the UTF-8. */
  shortText(text: string): void {
    const bytes = encodeText(text);
    if (bytes.length > 255) {
      throw new ShardcastError(
        "SHARDCAST_FRAME_MALFORMED",
        `a short text has ${bytes.length} bytes; the limit is 255`,
      );
    }
    this.uint8(bytes.length);
    this.bytes(bytes);
  }

  /** Writes the length as two bytes, then the UTF-8. */
  longText(text: string): void {
    const bytes = encodeText(text);
    if (bytes.length > 0xffff) {
      throw new ShardcastError(
        "SHARDCAST_FRAME_MALFORMED",
        `a text has ${bytes.length} bytes; the limit is 65535`,
      );
    }
    this.uint16(bytes.length);
    this.bytes(bytes);
  }

  /** Returns the written bytes without a copy. The writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }

  #reserve(count: number): void {
    const needed = this.#at + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}
