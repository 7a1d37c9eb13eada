// Why a link ended, and whether the client may try again: the table of close codes seen from here.
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
  /** Another try would end in the same way. */
  readonly isFatal: boolean;
}

/** The node closed, or the network did. `fault` is what the platform told before, if anything. */
export function endByClose(
  url: string,
  close: { readonly code: number; readonly reason: string },
  fault: string,
): LinkEnd {
  const { code, reason } = close;
  const isFatal = !isReconnectable(code);
  const known = codeOf(reason, code);
  if (known !== undefined) {
    // Behind the code a node may say more.
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

/** The client itself ends the link. */
export function endByFault(url: string, code: CloseReason, detail?: string): LinkEnd {
  const error = new ShardcastError(code, `${url}: ${detail ?? ERRORS[code].message}`);
  return { error, isFatal: !isReconnectable(closeCodeOf(code)) };
}

/** Tells whether a code is one of those that end a link. */
export function isCloseReason(code: ErrorCode): code is CloseReason {
  return "closeCode" in ERRORS[code];
}

const BY_CLOSE_CODE = new Map<number, ErrorCode>(
  Object.entries(ERRORS as Record<string, ErrorEntry>).flatMap(([code, { closeCode }]) =>
    closeCode === undefined || !isErrorCode(code) ? [] : [[closeCode, code]],
  ),
).set(1009, "SHARDCAST_FRAME_TOO_LARGE");

/** The close code decides; the reason's text only names what the code leaves open. */
function codeOf(reason: string, closeCode: number): ErrorCode | undefined {
  return BY_CLOSE_CODE.get(closeCode) ?? (isErrorCode(reason) ? reason : undefined);
}
