import { ShardcastError } from "@shardcast/protocol";

/** Why something failed: one line with its code; a stack trace only for what nobody foresaw. */
export function explain(error: unknown): string {
  if (error instanceof ShardcastError) return `${error.message} (${error.code})`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
