// How a failure is told to people: in one line.
import { ShardcastError } from "@shardcast/protocol";

/** A cluster that does not come up, in the words of the node that failed. */
export class StartError extends Error {}

/** One line for any failure; a stack only for what nobody foresaw. */
export function explain(error: unknown): string {
  if (error instanceof ShardcastError) return `${error.message} (${error.code})`;
  if (error instanceof StartError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The operating system's code of a failed call, like ENOENT. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Why a call failed, short. */
export function reasonOf(error: unknown): string {
  return codeOf(error) ?? (error instanceof Error ? error.message : String(error));
}
