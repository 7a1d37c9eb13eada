// Converts replies of Redis to the expected type.
import { ShardcastError } from "@shardcast/protocol";
import type { Reply } from "./redis-connection.ts";

/** @throws SHARDCAST_LOG_CORRUPT if it is not a text */
export function asText(reply: Reply | undefined): string {
  if (typeof reply === "string") return reply;
  if (Buffer.isBuffer(reply)) return reply.toString("utf8");
  if (typeof reply === "number") return String(reply);
  throw unexpected();
}

/** @throws SHARDCAST_LOG_CORRUPT if it is not a whole number */
export function asNumber(reply: Reply | undefined): number {
  const number = Number(asText(reply));
  if (!Number.isSafeInteger(number)) throw unexpected();
  return number;
}

/** @throws SHARDCAST_LOG_CORRUPT if it is not a list */
export function asList(reply: Reply | undefined): readonly Reply[] {
  if (!Array.isArray(reply)) throw unexpected();
  return reply as readonly Reply[];
}

/** @throws SHARDCAST_LOG_CORRUPT if it is not a list of texts */
export function asTexts(reply: Reply | undefined): string[] {
  return asList(reply).map(asText);
}

function unexpected(): ShardcastError {
  return new ShardcastError(
    "SHARDCAST_LOG_CORRUPT",
    "Redis has something else under Shardcast's keys",
  );
}
