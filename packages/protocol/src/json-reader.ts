// Reads typed fields of one JSON object that a stranger sent. A field of another type is the one way
// in which it fails; fields that nobody asks for are ignored.
import { decodeBase64 } from "./base64.ts";
import { malformed } from "./byte-reader.ts";
import type { Attributes } from "./frame.ts";
import { UINT48_MAX } from "./limits.ts";
import { parseFrom, parsePosition, type Epoch, type From, type Position } from "./position.ts";
import { isWellFormed, textBytes } from "./text.ts";

const UINT32_MAX = 0xffff_ffff;
const SHORT_TEXT_MAX_BYTES = 255;
const LONG_TEXT_MAX_BYTES = 65_535;
const EPOCH = /^[0-9a-f]{16}$/;

export class JsonReader {
  readonly #fields: ReadonlyMap<string, unknown>;

  private constructor(fields: ReadonlyMap<string, unknown>) {
    this.#fields = fields;
  }

  static parse(line: string): JsonReader {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      // The parser's own words quote what was sent: they stay out of the reason.
      throw malformed(cause instanceof RangeError ? "the JSON nests too deeply" : "not JSON");
    }
    return JsonReader.#of(value);
  }

  static #of(value: unknown): JsonReader {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw malformed("a frame is a JSON object, and so is each of its members");
    }
    return new JsonReader(new Map(Object.entries(value)));
  }

  text(name: string): string {
    return wellFormed(name, this.#fields.get(name));
  }

  /** A text that fits the binary layout as well. */
  shortText(name: string): string {
    const value = this.text(name);
    if (textBytes(value) > SHORT_TEXT_MAX_BYTES) {
      throw malformed(`${name} is over ${SHORT_TEXT_MAX_BYTES} bytes`);
    }
    return value;
  }

  optionalText(name: string): string | undefined {
    return this.#fields.has(name) ? this.text(name) : undefined;
  }

  optionalShortText(name: string): string | undefined {
    return this.#fields.has(name) ? this.shortText(name) : undefined;
  }

  /** A text that fits the binary layout's long ones. */
  optionalLongText(name: string): string | undefined {
    const value = this.optionalText(name);
    if (value !== undefined && textBytes(value) > LONG_TEXT_MAX_BYTES) {
      throw malformed(`${name} is over ${LONG_TEXT_MAX_BYTES} bytes`);
    }
    return value;
  }

  /** A list of objects. */
  objects(name: string): JsonReader[] {
    const value = this.#fields.get(name);
    if (!Array.isArray(value)) throw malformed(`${name} is a list`);
    return value.map((item: unknown) => JsonReader.#of(item));
  }

  optionalBoolean(name: string): boolean {
    const value = this.#fields.get(name) ?? false;
    if (typeof value !== "boolean") throw malformed(`${name} is true or false`);
    return value;
  }

  uint32(name: string): number {
    return this.#integer(name, UINT32_MAX);
  }

  optionalUint32(name: string): number {
    return this.#fields.has(name) ? this.uint32(name) : 0;
  }

  uint48(name: string): number {
    return this.#integer(name, UINT48_MAX);
  }

  optionalUint48(name: string): number {
    return this.#fields.has(name) ? this.uint48(name) : 0;
  }

  epoch(name: string): Epoch {
    const value = this.text(name);
    if (!EPOCH.test(value)) throw malformed(`${name} is 16 hex digits`);
    return value;
  }

  position(name: string): Position {
    const position = parsePosition(this.text(name));
    if (position === undefined) throw malformed(`${name} is <epoch>_<offset>`);
    return position;
  }

  from(): From {
    try {
      return parseFrom(this.optionalText("from") ?? "live");
    } catch (cause) {
      throw malformed(cause instanceof Error ? cause.message : "from is not a place");
    }
  }

  bytes(name: string, count?: number): Uint8Array {
    const bytes = decodeBase64(this.text(name));
    if (bytes === undefined || (count !== undefined && bytes.length !== count)) {
      throw malformed(
        count === undefined ? `${name} is base64` : `${name} is ${count} bytes in base64`,
      );
    }
    return bytes;
  }

  optionalAttributes(name: string): Attributes | undefined {
    const value = this.#fields.get(name);
    if (value === undefined) return undefined;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw malformed(`${name} is an object of strings`);
    }
    // No prototype: an attribute may be called __proto__.
    const attributes = Object.create(null) as Record<string, string>;
    for (const [key, text] of Object.entries(value)) {
      attributes[wellFormed(name, key)] = wellFormed(name, text);
    }
    return attributes;
  }

  #integer(name: string, max: number): number {
    const value = this.#fields.get(name);
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max) {
      throw malformed(`${name} is a whole number from 0 to ${max}`);
    }
    return value;
  }
}

/** Half of a surrogate pair, which JSON can spell, has no UTF-8: it would change on its way. */
function wellFormed(name: string, value: unknown): string {
  if (typeof value !== "string" || !isWellFormed(value)) {
    throw malformed(`${name} is not text that UTF-8 can hold`);
  }
  return value;
}
