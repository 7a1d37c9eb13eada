// The reason of a close frame: the code and, if there is room, the detail.
// docs/protocol.md#close-codes
import { ERRORS, textBytes, type CloseReason } from "@shardcast/protocol";

/** RFC 6455 §5.5: a control frame has at most 125 bytes, two of which are the close code. */
const REASON_MAX_BYTES = 123;

export function closeText(code: CloseReason, detail: string): string {
  const reason = `${code}: ${detail}`;
  const isSaying = detail !== "" && detail !== ERRORS[code].message;
  return isSaying && textBytes(reason) <= REASON_MAX_BYTES ? reason : code;
}
