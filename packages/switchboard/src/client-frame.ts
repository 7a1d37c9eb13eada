// The frames of a user's WebSocket: the one frame that a client sends, and the switchboard's own frames. Frames of the
// back end have a `to`; the switchboard's own frames do not.
import { MAX_NESTING, isObject, isTooDeep, own } from "./json-object.ts";

const ID_MAX_CHARACTERS = 64;
/** A client's id becomes part of a message id, so it must not contain blanks or control characters. */
const ID = /^[\x21-\x7e]+$/;

/** A client's message. Unknown fields are ignored, as in the original. */
export interface ClientFrame {
  readonly message: string;
  readonly payload: object | undefined;
  /** If present, the client is notified when the message is stored, and may send it again under this id. */
  readonly id: string | undefined;
}

type FrameCode =
  | "SWITCHBOARD_FRAME_BINARY"
  | "SWITCHBOARD_FRAME_NOT_JSON"
  | "SWITCHBOARD_FRAME_INVALID"
  | "SWITCHBOARD_STOPPING";

export interface FrameFault {
  readonly code: FrameCode;
  readonly reason: string;
}

/** A frame of the switchboard itself. */
export type SwitchboardFrame =
  | {
      readonly type: "session";
      readonly session: string;
      readonly position: string;
      readonly resumed: boolean;
      /** Present if the client's session was not accepted. */
      readonly refused?: "SWITCHBOARD_SESSION_INVALID";
    }
  | { readonly type: "sent"; readonly id: string }
  | {
      readonly type: "error";
      readonly code: string;
      readonly reason: string;
      /** The id of the client's message, if it had one. */
      readonly id?: string | undefined;
    }
  /** The messages after the previous position, up to and including this one, are unavailable. */
  | { readonly type: "gap"; readonly position: string };

/** Parses a client's frame. @param text a decoded text frame */
export function readClientFrame(text: string): ClientFrame | FrameFault {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { code: "SWITCHBOARD_FRAME_NOT_JSON", reason: "the frame is not JSON" };
  }
  if (!isObject(value)) return invalid("a frame must be a JSON object");
  const message = own(value, "message");
  const payload = own(value, "payload") ?? undefined;
  const id = own(value, "id") ?? undefined;
  if (typeof message !== "string") return invalid("message must be a string");
  if (payload !== undefined && !isObject(payload)) return invalid("payload must be an object");
  if (isTooDeep(payload)) return invalid(`payload has more than ${MAX_NESTING} levels`);
  if (id !== undefined && !isId(id)) {
    return invalid(
      `id must be 1 to ${ID_MAX_CHARACTERS} printable ASCII characters without spaces`,
    );
  }
  return { message, payload, id };
}

export function isFault(frame: ClientFrame | FrameFault): frame is FrameFault {
  return "code" in frame;
}

/**
 * Adds the position to a JSON object of the back end. Returns undefined if the text is not a JSON object: every holder
 * of the cluster's key can publish to the topic.
 */
export function withPosition(text: string, position: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? JSON.stringify({ ...value, position }) : undefined;
  } catch {
    return undefined;
  }
}

function isId(value: unknown): value is string {
  return typeof value === "string" && value.length <= ID_MAX_CHARACTERS && ID.test(value);
}

function invalid(reason: string): FrameFault {
  return { code: "SWITCHBOARD_FRAME_INVALID", reason };
}
