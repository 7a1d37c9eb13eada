import { ShardcastError } from "@shardcast/protocol";

/** Describes an error: one line with its code, or a stack trace for an unexpected error. */
export function explain(error: unknown): string {
  if (error instanceof ShardcastError) return `${error.message} (${error.code})`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
