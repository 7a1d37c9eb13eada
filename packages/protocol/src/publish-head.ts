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

export const PUBLISH_SEQ_AT = 4;
export const PUBLISH_TIMEOUT_AT = 8;
const TOPIC_AT = 12;

/** Filled again for each frame: one object serves a whole node. */
export class PublishHead implements ContentScan {
  seq = 0;
  timeoutMs = 0;
  topic = "";
  contentStart = 0;
  payloadStart = 0;
  messageId: string | undefined = undefined;
  /** What is wrong with the id or the attributes. The topic is for the caller to check. */
  fault: ErrorCode | undefined = undefined;

  /** Reads the frame between `start` (its header) and `end`; false where its layout is broken. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    const topicStart = start + TOPIC_AT + 1;
    if (topicStart > end) return false;
    const topicEnd = topicStart + (bytes[topicStart - 1] ?? 0);
    if (topicEnd >= end) return false;
    const topic = decodeText(bytes, topicStart, topicEnd);
    if (topic === undefined) return false;
    this.seq = readUint32(bytes, start + PUBLISH_SEQ_AT);
    this.timeoutMs = readUint32(bytes, start + PUBLISH_TIMEOUT_AT);
    this.topic = topic;
    this.contentStart = topicEnd;
    scanContent(bytes, topicEnd, end, this);
    return this.payloadStart >= 0;
  }
}
