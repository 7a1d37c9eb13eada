// Translates a node's refusal of a request into an error, and whether the client may retry.
import { ShardcastError, isErrorCode } from "@shardcast/protocol";

export interface NodeRefusal {
  readonly error: ShardcastError;
  /** Another attempt would be refused as well. */
  readonly isFinal: boolean;
}

/** An unknown code comes from a newer node and counts as final. */
export function nodeRefusalOf(frame: {
  readonly code: string;
  readonly reason: string;
}): NodeRefusal {
  const { code, reason } = frame;
  if (!isErrorCode(code)) {
    const error = new ShardcastError("SHARDCAST_INTERNAL", `refused: ${code} ${reason}`.trim());
    return { error, isFinal: true };
  }
  const error = new ShardcastError(code, reason);
  return { error, isFinal: !error.retryable };
}
