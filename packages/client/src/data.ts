// What an application publishes, as bytes and back. The attribute `content-type` tells which it was:
//
//   a string           no content-type, or any text/…
//   bytes              application/octet-stream, or any other type
//   any JSON value     application/json, or any …+json
//
// Text, the commonest, costs nothing. A content-type that the publisher gives stands.
import { ShardcastError, decodeText, encodeText, type Attributes } from "@shardcast/protocol";

/** A string, bytes, or any value that JSON can carry. */
export type PublishData = string | number | boolean | object | null;

export interface EncodedData {
  readonly payload: Uint8Array;
  /** What tells a reader how to decode it, where that has to be told. */
  readonly contentType: string | undefined;
}

export const CONTENT_TYPE = "content-type";
const BYTES = "application/octet-stream";
const JSON_TYPE = "application/json";

/** @throws SHARDCAST_OPTION_INVALID where JSON cannot carry the value */
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

/**
 * The reverse of {@link encodeData}. A payload that says nothing and is not UTF-8 is bytes.
 * @throws SyntaxError where it says that it is JSON and is not
 */
export function decodeData(payload: Uint8Array, attributes: Attributes): unknown {
  const contentType = attributes[CONTENT_TYPE];
  if (contentType === undefined) return decodeText(payload, 0, payload.length) ?? payload;
  const type = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (type.startsWith("text/")) return toText(payload);
  if (type === JSON_TYPE || type.endsWith("+json")) return JSON.parse(toText(payload)) as unknown;
  return payload;
}

/** UTF-8, with U+FFFD for what is not. */
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
  throw new ShardcastError("SHARDCAST_OPTION_INVALID", "JSON cannot carry the data", { cause });
}
