import { ShardcastError } from "@shardcast/protocol";

export function optionInvalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
