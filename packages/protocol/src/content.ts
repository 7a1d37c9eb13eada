// The content of a message: the part of a publish frame that nodes copy unchanged into the message frames
// for subscribers. docs/protocol.md#content
//
//   0        1
//   +--------+----------------------+------------------------------------+---------------+
//   | flags  | messageId (bit 0)    | attributes (bit 1)                 | payload       |
//   |        | length u8, UTF-8     | bytes u16, count u8,               | to the end of |
//   |        |                      | count × (name u8 UTF-8, value u8…) | the frame     |
//   +--------+----------------------+------------------------------------+---------------+
import { readUint16 } from "./bytes.ts";
import { malformed, type ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import type { ErrorCode } from "./errors.ts";
import type { Attributes } from "./frame.ts";
import { ATTRIBUTES_MAX_COUNT, ATTRIBUTE_MAX_BYTES, MESSAGE_ID_MAX_BYTES } from "./limits.ts";
import { decodeText, isPlainText, textBytes } from "./text.ts";
import { USER_ATTRIBUTE, isReservedAttribute } from "./user-attribute.ts";

const CONTENT_HAS_ID = 0x01;
export const CONTENT_HAS_ATTRIBUTES = 0x02;
const CONTENT_FLAGS = CONTENT_HAS_ID | CONTENT_HAS_ATTRIBUTES;

export interface Content {
  readonly messageId?: string;
  readonly attributes?: Attributes;
  readonly payload: Uint8Array;
}

export function writeContent(writer: ByteWriter, content: Content): void {
  const { messageId, attributes, payload } = content;
  const hasAttributes = attributes !== undefined && Object.keys(attributes).length > 0;
  writer.uint8(
    (messageId === undefined ? 0 : CONTENT_HAS_ID) | (hasAttributes ? CONTENT_HAS_ATTRIBUTES : 0),
  );
  if (messageId !== undefined) writer.shortText(messageId);
  if (hasAttributes) {
    const block = encodeAttributes(attributes);
    writer.uint16(block.length);
    writer.bytes(block);
  }
  writer.bytes(payload);
}

export function readContent(reader: ByteReader): Content {
  const flags = reader.uint8();
  if ((flags & ~CONTENT_FLAGS) !== 0) throw malformed("a message's content has unknown flags");
  const messageId = (flags & CONTENT_HAS_ID) === 0 ? undefined : reader.shortText();
  const attributes = (flags & CONTENT_HAS_ATTRIBUTES) === 0 ? undefined : readAttributes(reader);
  return {
    ...(messageId === undefined ? {} : { messageId }),
    ...(attributes === undefined ? {} : { attributes }),
    payload: reader.rest(),
  };
}

/** Checks a client's message id and attributes. Returns the code of the first violation, or undefined. */
export function contentFault(content: Content): ErrorCode | undefined {
  const { messageId, attributes } = content;
  if (messageId !== undefined && messageIdFault(messageId)) return "SHARDCAST_MESSAGE_ID_INVALID";
  if (attributes === undefined) return undefined;
  if (Object.keys(attributes).some(isReservedAttribute)) return "SHARDCAST_ATTRIBUTES_INVALID";
  return attributesFault(attributes);
}

/** Checks the attributes of a client's or a node's message. The user, which a node has set, is not counted. */
function attributesFault(attributes: Attributes): ErrorCode | undefined {
  const entries = Object.entries(attributes);
  if (entries.length > ATTRIBUTES_MAX_COUNT) {
    const count = entries.length - (USER_ATTRIBUTE in attributes ? 1 : 0);
    if (count > ATTRIBUTES_MAX_COUNT) return "SHARDCAST_ATTRIBUTES_INVALID";
  }
  for (const [name, value] of entries) {
    if (name.length === 0 || !isPlainText(name) || !isPlainText(value)) {
      return "SHARDCAST_ATTRIBUTES_INVALID";
    }
    if (textBytes(name) > ATTRIBUTE_MAX_BYTES || textBytes(value) > ATTRIBUTE_MAX_BYTES) {
      return "SHARDCAST_ATTRIBUTES_INVALID";
    }
  }
  return undefined;
}

/** Whether the id breaks the rules: 1–128 bytes of UTF-8, no control characters. */
function messageIdFault(messageId: string): boolean {
  return (
    messageId.length === 0 ||
    messageId.length > MESSAGE_ID_MAX_BYTES ||
    textBytes(messageId) > MESSAGE_ID_MAX_BYTES ||
    !isPlainText(messageId)
  );
}

/** Returns the index of the payload. The content must have been validated before. */
export function payloadStart(bytes: Uint8Array, contentStart: number): number {
  const flags = bytes[contentStart] ?? 0;
  let at = contentStart + 1;
  if ((flags & CONTENT_HAS_ID) !== 0) at += 1 + (bytes[at] ?? 0);
  if ((flags & CONTENT_HAS_ATTRIBUTES) !== 0) at += 2 + readUint16(bytes, at);
  return at;
}

/** The result of {@link scanContent}. */
export interface ContentScan {
  /** Bounds of the id's bytes; both are 0 if there is no id. */
  idStart: number;
  idEnd: number;
  /** Index of the payload; -1 if the layout is broken. */
  payloadStart: number;
  /** The code of the first violation in the id or the attributes. */
  fault: ErrorCode | undefined;
  /** Whether there is an attribute that only a node may set. */
  hasReserved: boolean;
}

/**
 * Validates a content in place and fills `scan`, without building the attributes or the payload. The hot path
 * uses it instead of {@link readContent} and {@link contentFault}. It reports the same faults, except that it
 * reports attributes that only a node may set in `hasReserved`.
 */
export function scanContent(
  bytes: Uint8Array,
  start: number,
  end: number,
  scan: ContentScan,
): void {
  const flags = bytes[start] ?? 0xff;
  let at = start + 1;
  scan.idStart = 0;
  scan.idEnd = 0;
  scan.fault = undefined;
  scan.hasReserved = false;
  scan.payloadStart = -1;
  if (at > end || (flags & ~CONTENT_FLAGS) !== 0) return;
  if ((flags & CONTENT_HAS_ID) !== 0) {
    const idEnd = at + 1 + (bytes[at] ?? 0);
    if (idEnd > end || at >= end) return;
    scan.idStart = at + 1;
    scan.idEnd = idEnd;
    if (!isShortAscii(bytes, at + 1, idEnd)) {
      const messageId = decodeText(bytes, at + 1, idEnd);
      if (messageId === undefined) return;
      if (messageIdFault(messageId)) scan.fault = "SHARDCAST_MESSAGE_ID_INVALID";
    }
    at = idEnd;
  }
  if ((flags & CONTENT_HAS_ATTRIBUTES) !== 0) {
    const blockEnd = at + 2 + readUint16(bytes, at);
    if (at + 2 > end || blockEnd > end) return;
    const attributes = decodeAttributes(bytes, at + 2, blockEnd);
    if (attributes === undefined) return;
    scan.fault ??= attributesFault(attributes);
    scan.hasReserved = hasReservedName(bytes, at + 2);
    at = blockEnd;
  }
  scan.payloadStart = at;
}

/** Looks at the first byte of each name in a valid block. */
function hasReservedName(bytes: Uint8Array, start: number): boolean {
  let at = start + 1;
  for (let count = bytes[start] ?? 0; count > 0; count -= 1) {
    const nameBytes = bytes[at] ?? 0;
    if (nameBytes > 0 && bytes[at + 1] === DOLLAR) return true;
    at += 1 + nameBytes;
    at += 1 + (bytes[at] ?? 0);
  }
  return false;
}

const DOLLAR = 0x24;

/** Whether an id is valid ASCII, as nearly every id is. Decoding no text takes 20 ns instead of 150. */
function isShortAscii(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end || end - start > MESSAGE_ID_MAX_BYTES) return false;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x20 || byte > 0x7e) return false;
  }
  return true;
}

/** @throws SHARDCAST_FRAME_MALFORMED if the attributes do not fit the layout */
export function encodeAttributes(attributes: Attributes): Uint8Array {
  const writer = new ByteWriter();
  const entries = Object.entries(attributes);
  writer.uint8(entries.length);
  for (const [name, value] of entries) {
    writer.shortText(name);
    writer.shortText(value);
  }
  const block = writer.finish();
  // Attributes that fit the layout but break the rules are rejected later, by contentFault.
  if (entries.length > 0xff || block.length > 0xff_ff) {
    throw malformed("the attributes do not fit the layout");
  }
  return block;
}

function readAttributes(reader: ByteReader): Attributes {
  const block = reader.bytes(reader.uint16());
  const attributes = decodeAttributes(block, 0, block.length);
  if (attributes === undefined) throw malformed("the layout of a message's attributes is broken");
  return attributes;
}

/** Returns undefined if the block breaks its layout, a text is not UTF-8 or a name occurs twice. */
function decodeAttributes(bytes: Uint8Array, start: number, end: number): Attributes | undefined {
  const count = bytes[start] ?? 0;
  if (start >= end) return undefined;
  // No prototype, because an attribute may be named __proto__.
  const attributes = Object.create(null) as Record<string, string>;
  let at = start + 1;
  for (let index = 0; index < 2 * count; index += 2) {
    const nameEnd = at + 1 + (bytes[at] ?? 0);
    const valueEnd = nameEnd + 1 + (bytes[nameEnd] ?? 0);
    if (nameEnd >= end || valueEnd > end) return undefined;
    const name = decodeText(bytes, at + 1, nameEnd);
    const value = decodeText(bytes, nameEnd + 1, valueEnd);
    if (name === undefined || value === undefined || name in attributes) return undefined;
    attributes[name] = value;
    at = valueEnd;
  }
  return at === end ? attributes : undefined;
}
