// Reads the fields of a publish frame that routing needs, without building a frame object. Used on the hot
// path; tests compare it with the codec.
//
//   0        4        8           12       13
//   +--------+--------+-----------+--------+---------+------------------------+
//   | header | seq    | timeoutMs | length | topic   | content (content.ts)   |
//   +--------+--------+-----------+--------+---------+------------------------+
import { readUint16, readUint32, writeUint16, writeUint32 } from "./bytes.ts";
import { CONTENT_HAS_ATTRIBUTES, scanContent, type ContentScan } from "./content.ts";
import type { ErrorCode } from "./errors.ts";
import { decodeText } from "./text.ts";
import { TextMemo } from "./text-memo.ts";

export const PUBLISH_SEQ_AT = 4;
export const PUBLISH_TIMEOUT_AT = 8;
const TOPIC_AT = 12;
/** The bytes before the first attribute: the length of the block, and the count. */
const BLOCK_HEAD_BYTES = 3;
const NO_BYTES = new Uint8Array(0);

/** Returns the topic of a complete publish frame that starts at `start`. */
export function readPublishTopic(bytes: Uint8Array, start: number): string {
  const topicStart = start + TOPIC_AT + 1;
  return decodeText(bytes, topicStart, topicStart + (bytes[topicStart - 1] ?? 0)) ?? "";
}

/** Reused for each frame: one object serves a whole node. */
export class PublishHead implements ContentScan {
  seq = 0;
  timeoutMs = 0;
  topic = "";
  contentStart = 0;
  payloadStart = 0;
  /** Bounds of the id's bytes in the last frame read; both are 0 if it has no id. */
  idStart = 0;
  idEnd = 0;
  /** The code of the first violation in the id or the attributes. The caller checks the topic. */
  fault: ErrorCode | undefined = undefined;
  /** Whether the frame has an attribute that only a node may set. */
  hasReserved = false;
  readonly #topics = new TextMemo();
  #bytes: Uint8Array = NO_BYTES;

  get hasId(): boolean {
    return this.idEnd > 0;
  }

  /** Valid until the next call of {@link read}. */
  get messageId(): string | undefined {
    return this.hasId ? decodeText(this.#bytes, this.idStart, this.idEnd) : undefined;
  }

  /** Reads the frame between `start` (its header) and `end`. Returns false if its layout is broken. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const topicStart = start + TOPIC_AT + 1;
    if (topicStart > end) return false;
    const topicEnd = topicStart + (bytes[topicStart - 1] ?? 0);
    if (topicEnd >= end) return false;
    const topic = this.#topics.decode(bytes, topicStart, topicEnd);
    if (topic === undefined) return false;
    this.#bytes = bytes;
    this.seq = readUint32(bytes, start + PUBLISH_SEQ_AT);
    this.timeoutMs = readUint32(bytes, start + PUBLISH_TIMEOUT_AT);
    this.topic = topic;
    this.contentStart = topicEnd;
    scanContent(bytes, topicEnd, end, this);
    return this.payloadStart >= 0;
  }
  /** How many bytes {@link stamp} adds to the frame that was read last. */
  stampBytes(attribute: Uint8Array): number {
    const hasAttributes = ((this.#bytes[this.contentStart] ?? 0) & CONTENT_HAS_ATTRIBUTES) !== 0;
    return attribute.length + (hasAttributes ? 0 : BLOCK_HEAD_BYTES);
  }

  /**
   * Copies the frame that was read last, which begins at `start`, and adds an attribute: its name and its value, each
   * after a byte with its length. The copy is between `at` and `end` of `out`, which has {@link stampBytes} more bytes
   * than the frame. From then on, the fields refer to the copy.
   */
  stamp(start: number, attribute: Uint8Array, out: Uint8Array, at: number, end: number): void {
    const added = this.stampBytes(attribute);
    const shift = at - start;
    const payloadAt = this.payloadStart + shift;
    out.set(this.#bytes.subarray(start, end - shift - added), at);
    out.copyWithin(payloadAt + added, payloadAt, end - added);
    this.#bytes = out;
    this.contentStart += shift;
    if (this.hasId) {
      this.idStart += shift;
      this.idEnd += shift;
    }
    const flags = out[this.contentStart] ?? 0;
    const blockAt = this.hasId ? this.idEnd : this.contentStart + 1;
    const isFirst = (flags & CONTENT_HAS_ATTRIBUTES) === 0;
    out[this.contentStart] = flags | CONTENT_HAS_ATTRIBUTES;
    writeUint16(out, blockAt, attribute.length + (isFirst ? 1 : readUint16(out, blockAt)));
    out[blockAt + 2] = 1 + (isFirst ? 0 : (out[blockAt + 2] ?? 0));
    this.payloadStart = payloadAt + added;
    out.set(attribute, this.payloadStart - attribute.length);
    // The length is in the lower 24 bits.
    writeUint32(out, at, readUint32(out, at) + added);
  }
}
