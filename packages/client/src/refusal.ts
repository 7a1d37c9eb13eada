// What a node's refusal of a publish or a subscription means: an error, and whether to try again.
import { ShardcastError, isErrorCode } from "@shardcast/protocol";

export interface Refusal {
  readonly error: ShardcastError;
  /** Another try would be refused as well. */
  readonly isFinal: boolean;
}

/** A code that is unknown here comes from a newer node, and is taken for final. */
export function refusalOf(frame: { readonly code: string; readonly reason: string }): Refusal {
  const { code, reason } = frame;
  if (!isErrorCode(code)) {
    const error = new ShardcastError("SHARDCAST_INTERNAL", `refused: ${code} ${reason}`.trim());
    return { error, isFinal: true };
  }
  const error = new ShardcastError(code, reason);
  return { error, isFinal: !error.retryable };
}
