// What is said over a user's WebSocket: the one frame that a client sends, and those that the switchboard
// itself sends. Frames of the back end have a `to`; the switchboard's own have none.
import { MAX_NESTING, isObject, isTooDeep, own } from "./json-object.ts";

const ID_MAX_CHARACTERS = 64;
/** What a message id may have without being taken apart on its way. */
const ID = /^[\x21-\x7e]+$/;

/** A client's message. Fields that are not known are left out, as ever. */
export interface ClientFrame {
  readonly message: string;
  readonly payload: object | undefined;
  /** The client wants to know when it is stored, and may say it again under this id. */
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

/** What the switchboard itself tells a client. */
export type SwitchboardFrame =
  | {
      readonly type: "session";
      readonly session: string;
      readonly position: string;
      readonly resumed: boolean;
      /** Why the session that the client brought was not taken. */
      readonly refused?: "SWITCHBOARD_SESSION_INVALID";
    }
  | { readonly type: "sent"; readonly id: string }
  | {
      readonly type: "error";
      readonly code: string;
      readonly reason: string;
      /** Of the client's message, where it had one. */
      readonly id?: string | undefined;
    }
  /** Messages after the position before, up to and with this one, that can never be had. */
  | { readonly type: "gap"; readonly position: string };

/** @param text a text frame, decoded */
export function readClientFrame(text: string): ClientFrame | FrameFault {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { code: "SWITCHBOARD_FRAME_NOT_JSON", reason: "the frame is not JSON" };
  }
  if (!isObject(value)) return invalid("a frame is a JSON object");
  const message = own(value, "message");
  const payload = own(value, "payload") ?? undefined;
  const id = own(value, "id") ?? undefined;
  if (typeof message !== "string") return invalid("message is a string");
  if (payload !== undefined && !isObject(payload)) return invalid("payload is an object");
  if (isTooDeep(payload)) return invalid(`payload has over ${MAX_NESTING} levels`);
  if (id !== undefined && !isId(id)) {
    return invalid(`id is 1 to ${ID_MAX_CHARACTERS} printable ASCII characters without spaces`);
  }
  return { message, payload, id };
}

export function isFault(frame: ClientFrame | FrameFault): frame is FrameFault {
  return "code" in frame;
}

/**
 * A JSON object of the back end as the client gets it: whole, and with its position. Undefined where the text is
 * none: whoever knows the cluster's key may have published it.
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
