// A message as HTTP gives it: one JSON object, in event streams and in pages alike. docs/http.md#subscribe
import {
  decodeFrames,
  decodeText,
  formatPosition,
  type Attributes,
  type MessageFrame,
} from "@shardcast/protocol";

export interface MessageJson {
  readonly position: string;
  readonly time: number;
  readonly messageId?: string;
  readonly attributes?: Attributes;
  /** Where the payload is UTF-8. */
  readonly payload?: string;
  /** Where it is not. */
  readonly payloadBase64?: string;
}

/** The messages of some frames, of a topic whose epoch is this one. */
export function messagesOf(frames: Uint8Array, epoch: string): MessageJson[] {
  return decodeFrames(frames).flatMap((frame) =>
    frame.type === "message" ? [messageJson(frame, epoch)] : [],
  );
}

function messageJson(frame: MessageFrame, epoch: string): MessageJson {
  const { offset, time, messageId, attributes, payload } = frame;
  const text = decodeText(payload, 0, payload.length);
  return {
    position: formatPosition({ epoch, offset }),
    time,
    ...(messageId === undefined ? {} : { messageId }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(text === undefined
      ? { payloadBase64: Buffer.from(payload).toString("base64") }
      : { payload: text }),
  };
}
