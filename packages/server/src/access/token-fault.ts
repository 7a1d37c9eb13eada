// What a token that was not accepted means for its link.
import { ShardcastError, type CloseReason, type ErrorCode } from "@shardcast/protocol";

const FAULTS = new Map<ErrorCode, CloseReason>(
  (
    [
      "SHARDCAST_TOKEN_INVALID",
      "SHARDCAST_TOKEN_EXPIRED",
      "SHARDCAST_TOKEN_KEYS_UNAVAILABLE",
      "SHARDCAST_LINKS_LIMIT",
    ] as const
  ).map((code) => [code, code]),
);

/** The code that the link ends with. */
export function tokenFault(error: unknown): CloseReason {
  const fault = error instanceof ShardcastError ? FAULTS.get(error.code) : undefined;
  return fault ?? "SHARDCAST_INTERNAL";
}
