// Derives from a close code why a link ended, and whether the client may try again.
import {
  ERRORS,
  ShardcastError,
  closeCodeOf,
  isErrorCode,
  isReconnectable,
  type CloseReason,
  type ErrorCode,
  type ErrorEntry,
} from "@shardcast/protocol";

export interface LinkEnd {
  readonly error: ShardcastError;
  /** Another attempt would end the same way. */
  readonly isFatal: boolean;
}

/** The node closed the link, or the network failed. `fault` is the platform's error message, if any. */
export function endByClose(
  url: string,
  close: { readonly code: number; readonly reason: string },
  fault: string,
): LinkEnd {
  const { code, reason } = close;
  const isFatal = !isReconnectable(code);
  const known = codeOf(reason, code);
  if (known !== undefined) {
    // A node may add details after the code.
    const detail = reason.startsWith(`${known}: `) ? reason.slice(known.length) : "";
    return {
      error: new ShardcastError(known, `${url}: ${ERRORS[known].message}${detail}`),
      isFatal,
    };
  }
  const detail = [fault, `the link ended with code ${code}`, reason].filter(Boolean).join(": ");
  const unknown = isFatal ? "SHARDCAST_CLOSED" : "SHARDCAST_LINK_LOST";
  return { error: new ShardcastError(unknown, `${url}: ${detail}`), isFatal };
}

/** The client ends the link. */
export function endByFault(url: string, code: CloseReason, detail?: string): LinkEnd {
  const error = new ShardcastError(code, `${url}: ${detail ?? ERRORS[code].message}`);
  return { error, isFatal: !isReconnectable(closeCodeOf(code)) };
}

const BY_CLOSE_CODE = new Map<number, ErrorCode>(
  Object.entries(ERRORS as Record<string, ErrorEntry>).flatMap(([code, { closeCode }]) =>
    closeCode === undefined || !isErrorCode(code) ? [] : [[closeCode, code]],
  ),
).set(1009, "SHARDCAST_FRAME_TOO_LARGE");

/** The close code has priority. The reason is used only if the close code is unknown. */
function codeOf(reason: string, closeCode: number): ErrorCode | undefined {
  return BY_CLOSE_CODE.get(closeCode) ?? (isErrorCode(reason) ? reason : undefined);
}
