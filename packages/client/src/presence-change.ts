// Parses the messages of a presence topic. docs/protocol.md#members
import type { PresenceMember } from "@shardcast/protocol";
import type { Message } from "./message.ts";

export interface PresenceChange {
  readonly joined: readonly PresenceMember[];
  readonly left: readonly PresenceMember[];
  /** The client must request the list again. */
  readonly isReset: boolean;
}

/** Returns undefined if the message is not a valid presence change. */
export function changeOf(message: Message): PresenceChange | undefined {
  let value: unknown;
  try {
    value = message.json();
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { joined, left, reset } = value as Readonly<Record<string, unknown>>;
  if (reset === true) return { joined: [], left: [], isReset: true };
  if (!isMembers(joined) || !isMembers(left)) return undefined;
  return { joined, left, isReset: false };
}

function isMembers(value: unknown): value is PresenceMember[] {
  return Array.isArray(value) && value.every(isMember);
}

function isMember(value: unknown): value is PresenceMember {
  if (typeof value !== "object" || value === null) return false;
  const { memberId, user, info } = value as Readonly<Record<string, unknown>>;
  return typeof memberId === "string" && typeof user === "string" && typeof info === "string";
}
