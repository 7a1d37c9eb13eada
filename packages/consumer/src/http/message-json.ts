// A message as one JSON object, in event streams and in pages. docs/http.md#subscribe
import {
  decodeFrames,
  decodeText,
  formatPosition,
  splitAttributes,
  type Attributes,
  type MessageFrame,
} from "@shardcast/protocol";

export interface MessageJson {
  readonly position: string;
  readonly time: number;
  readonly messageId?: string;
  /** The user whose token published the message. */
  readonly user?: string;
  readonly attributes?: Attributes;
  /** Set if the payload is UTF-8. */
  readonly payload?: string;
  /** Set if the payload is not UTF-8. */
  readonly payloadBase64?: string;
}

/** Decodes the messages in `frames`; their topic has the epoch `epoch`. */
export function messagesOf(frames: Uint8Array, epoch: string): MessageJson[] {
  return decodeFrames(frames).flatMap((frame) =>
    frame.type === "message" ? [messageJson(frame, epoch)] : [],
  );
}

function messageJson(frame: MessageFrame, epoch: string): MessageJson {
  const { offset, time, messageId, payload } = frame;
  const { user, attributes } = splitAttributes(frame.attributes);
  const text = decodeText(payload, 0, payload.length);
  return {
    position: formatPosition({ epoch, offset }),
    time,
    ...(messageId === undefined ? {} : { messageId }),
    ...(user === undefined ? {} : { user }),
    ...(attributes === undefined ? {} : { attributes }),
    ...(text === undefined
      ? { payloadBase64: Buffer.from(payload).toString("base64") }
      : { payload: text }),
  };
}
