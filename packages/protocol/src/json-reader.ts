// Reads typed fields of an untrusted JSON object. Fails if a field is missing, invalid or of another type;
// ignores fields that no caller reads.
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
      // The parser's message quotes the input, so it stays out of the reason.
      throw malformed(cause instanceof RangeError ? "the JSON nests too deeply" : "not JSON");
    }
    return JsonReader.#of(value);
  }

  static #of(value: unknown): JsonReader {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw malformed("a frame, and each member in it, must be a JSON object");
    }
    return new JsonReader(new Map(Object.entries(value)));
  }

  text(name: string): string {
    return wellFormed(name, this.#fields.get(name));
  }

  /** A text of at most 255 bytes, so that it fits the binary layout. */
  shortText(name: string): string {
    const value = this.text(name);
    if (textBytes(value) > SHORT_TEXT_MAX_BYTES) {
      throw malformed(`${name} is longer than ${SHORT_TEXT_MAX_BYTES} bytes`);
    }
    return value;
  }

  optionalText(name: string): string | undefined {
    return this.#fields.has(name) ? this.text(name) : undefined;
  }

  optionalShortText(name: string): string | undefined {
    return this.#fields.has(name) ? this.shortText(name) : undefined;
  }

  /** A text of at most 65,535 bytes, so that it fits the binary layout. */
  optionalLongText(name: string): string | undefined {
    const value = this.optionalText(name);
    if (value !== undefined && textBytes(value) > LONG_TEXT_MAX_BYTES) {
      throw malformed(`${name} is longer than ${LONG_TEXT_MAX_BYTES} bytes`);
    }
    return value;
  }

  objects(name: string): JsonReader[] {
    const value = this.#fields.get(name);
    if (!Array.isArray(value)) throw malformed(`${name} must be a list`);
    return value.map((item: unknown) => JsonReader.#of(item));
  }

  optionalBoolean(name: string): boolean {
    const value = this.#fields.get(name) ?? false;
    if (typeof value !== "boolean") throw malformed(`${name} must be true or false`);
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
    if (!EPOCH.test(value)) throw malformed(`${name} must be 16 lower-case hex digits`);
    return value;
  }

  position(name: string): Position {
    const position = parsePosition(this.text(name));
    if (position === undefined) throw malformed(`${name} must be <epoch>_<offset>`);
    return position;
  }

  from(): From {
    try {
      return parseFrom(this.optionalText("from") ?? "live");
    } catch (cause) {
      throw malformed(cause instanceof Error ? cause.message : "from is not a start position");
    }
  }

  bytes(name: string, count?: number): Uint8Array {
    const bytes = decodeBase64(this.text(name));
    if (bytes === undefined || (count !== undefined && bytes.length !== count)) {
      throw malformed(
        count === undefined ? `${name} must be base64` : `${name} must be ${count} bytes in base64`,
      );
    }
    return bytes;
  }

  optionalAttributes(name: string): Attributes | undefined {
    const value = this.#fields.get(name);
    if (value === undefined) return undefined;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw malformed(`${name} must be an object of strings`);
    }
    // No prototype, because an attribute may be named __proto__.
    const attributes = Object.create(null) as Record<string, string>;
    for (const [key, text] of Object.entries(value)) {
      attributes[wellFormed(name, key)] = wellFormed(name, text);
    }
    return attributes;
  }

  #integer(name: string, max: number): number {
    const value = this.#fields.get(name);
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max) {
      throw malformed(`${name} must be a whole number from 0 to ${max}`);
    }
    return value;
  }
}

/** Refuses half of a surrogate pair: JSON can express it, but UTF-8 cannot, so the text would change on its way. */
function wellFormed(name: string, value: unknown): string {
  if (typeof value !== "string" || !isWellFormed(value)) {
    throw malformed(`${name} must be text that UTF-8 can encode`);
  }
  return value;
}
