// Describes failures in one line.
import { ShardcastError } from "@shardcast/protocol";

/** A node could not be started. The message is the node's own. */
export class StartError extends Error {}

/** Returns one line for an expected failure, a stack trace for an unexpected one. */
export function describeFailure(error: unknown): string {
  if (error instanceof ShardcastError) return `${error.message} (${error.code})`;
  if (error instanceof StartError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** Returns the operating system's code of a failed call, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** Returns a short reason for a failed call. */
export function reasonOf(error: unknown): string {
  return codeOf(error) ?? (error instanceof Error ? error.message : String(error));
}
