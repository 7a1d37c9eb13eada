// Reads the fields of a publish frame that routing needs, without building a frame object. Used on the hot
// path; tests compare it with the codec.
//
//   0        4        8           12       13
//   +--------+--------+-----------+--------+---------+------------------------+
//   | header | seq    | timeoutMs | length | topic   | content (content.ts)   |
//   +--------+--------+-----------+--------+---------+------------------------+
import { readUint32 } from "./bytes.ts";
import { scanContent, type ContentScan } from "./content.ts";
import type { ErrorCode } from "./errors.ts";
import { decodeText } from "./text.ts";
import { TextMemo } from "./text-memo.ts";

export const PUBLISH_SEQ_AT = 4;
export const PUBLISH_TIMEOUT_AT = 8;
const TOPIC_AT = 12;
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
}
