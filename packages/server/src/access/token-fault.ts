// The code with which a link is closed when its token is refused.
import { ShardcastError, isCloseReason, type CloseReason } from "@shardcast/protocol";

export function tokenFault(error: unknown): CloseReason {
  return error instanceof ShardcastError && isCloseReason(error.code)
    ? error.code
    : "SHARDCAST_INTERNAL";
}
