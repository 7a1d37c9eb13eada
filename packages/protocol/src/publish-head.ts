// What a node reads of a publish frame to route it, without building a frame object: the hot path's
// view of a publish. Checked against the codec by tests.
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

/** The topic of a whole publish frame that starts at `start`, for who does not need the rest of its head. */
export function readPublishTopic(bytes: Uint8Array, start: number): string {
  const topicStart = start + TOPIC_AT + 1;
  return decodeText(bytes, topicStart, topicStart + (bytes[topicStart - 1] ?? 0)) ?? "";
}

/** Filled again for each frame: one object serves a whole node. */
export class PublishHead implements ContentScan {
  seq = 0;
  timeoutMs = 0;
  topic = "";
  contentStart = 0;
  payloadStart = 0;
  /** Where the id's bytes lie in the frame that was read last; both 0 where there is none. */
  idStart = 0;
  idEnd = 0;
  /** What is wrong with the id or the attributes. The topic is for the caller to check. */
  fault: ErrorCode | undefined = undefined;
  readonly #topics = new TextMemo();
  #bytes: Uint8Array = NO_BYTES;

  get hasId(): boolean {
    return this.idEnd > 0;
  }

  /** Valid until the next frame is read. */
  get messageId(): string | undefined {
    return this.hasId ? decodeText(this.#bytes, this.idStart, this.idEnd) : undefined;
  }

  /** Reads the frame between `start` (its header) and `end`; false where its layout is broken. */
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
