// The code that a link ends with whose token was refused.
import { ShardcastError, isCloseReason, type CloseReason } from "@shardcast/protocol";

export function tokenFault(error: unknown): CloseReason {
  return error instanceof ShardcastError && isCloseReason(error.code)
    ? error.code
    : "SHARDCAST_INTERNAL";
}
