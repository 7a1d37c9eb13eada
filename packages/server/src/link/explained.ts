// Gives every refusal a reason for people: without a more precise one, the message of its code.
import { ERRORS, isErrorCode, type Frame } from "@shardcast/protocol";

export function explained(frame: Frame): Frame {
  if (frame.type !== "reject" && frame.type !== "unsubscribed") return frame;
  const { code, reason } = frame;
  if (reason !== "" || !isErrorCode(code)) return frame;
  return { ...frame, reason: ERRORS[code].message };
}
