// Converts published data to bytes and back. The attribute `content-type` tells the type:
//
//   a string           no content-type, or any text/…
//   bytes              application/octet-stream, or any other type
//   any JSON value     application/json, or any …+json
//
// Text, the most common type, needs no attribute. A content type that the publisher sets is kept.
import {
  CONTENT_TYPE,
  JSON_TYPE,
  ShardcastError,
  decodeText,
  encodeText,
  mediaTypeOf,
  payloadKind,
  type Attributes,
} from "@shardcast/protocol";

/** A string, bytes, or any value that JSON can represent. */
export type PublishData = string | number | boolean | object | null;

export interface EncodedData {
  readonly payload: Uint8Array;
  /** The content type for the reader; undefined for text. */
  readonly contentType: string | undefined;
}

const BYTES = "application/octet-stream";

/** @throws SHARDCAST_OPTION_INVALID if JSON cannot represent the value */
export function encodeData(data: PublishData): EncodedData {
  if (typeof data === "string") return { payload: encodeText(data), contentType: undefined };
  if (data instanceof Uint8Array) return { payload: data, contentType: BYTES };
  if (data instanceof ArrayBuffer) return { payload: new Uint8Array(data), contentType: BYTES };
  if (ArrayBuffer.isView(data)) {
    const { buffer, byteOffset, byteLength } = data;
    return { payload: new Uint8Array(buffer, byteOffset, byteLength), contentType: BYTES };
  }
  return { payload: encodeText(toJson(data)), contentType: JSON_TYPE };
}

/** A payload decoded by its content type. */
export interface DecodedData {
  /** The decoded value; the payload's bytes if they do not match the content type. */
  readonly data: unknown;
  /** Why the payload does not match its content type. */
  readonly problem: SyntaxError | undefined;
}

/** The inverse of {@link encodeData}. A payload without a content type is text, or bytes if it is not UTF-8. Never throws. */
export function decodeData(payload: Uint8Array, attributes: Attributes): DecodedData {
  const contentType = attributes[CONTENT_TYPE];
  if (contentType === undefined) return sound(decodeText(payload, 0, payload.length) ?? payload);
  const kind = payloadKind(contentType);
  if (kind === "text") return sound(toText(payload));
  return kind === "json" ? decodeJson(payload, mediaTypeOf(contentType)) : sound(payload);
}

function decodeJson(payload: Uint8Array, type: string): DecodedData {
  try {
    return sound(JSON.parse(toText(payload)));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const problem = new SyntaxError(`the payload is not ${type}: ${why}`, { cause });
    return { data: payload, problem };
  }
}

function sound(data: unknown): DecodedData {
  return { data, problem: undefined };
}

/** Decodes UTF-8, with U+FFFD for invalid bytes. */
export function toText(payload: Uint8Array): string {
  return decodeText(payload, 0, payload.length) ?? LENIENT.decode(payload);
}

const LENIENT = new TextDecoder("utf-8", { ignoreBOM: true });

function toJson(data: unknown): string {
  let text: string | undefined;
  let cause: unknown;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    cause = error;
  }
  if (text !== undefined) return text;
  throw new ShardcastError("SHARDCAST_OPTION_INVALID", "JSON cannot represent the data", { cause });
}
