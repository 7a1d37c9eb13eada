// Every refusal tells people why: where nobody knows more than the code, by the code's own sentence.
import { ERRORS, isErrorCode, type Frame } from "@shardcast/protocol";

export function explained(frame: Frame): Frame {
  if (frame.type !== "reject" && frame.type !== "unsubscribed") return frame;
  const { code, reason } = frame;
  if (reason !== "" || !isErrorCode(code)) return frame;
  return { ...frame, reason: ERRORS[code].message };
}
