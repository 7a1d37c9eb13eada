// Describes messages and gaps for the output of commands.
import type { Gap, Message } from "@shardcast/client";
import { printableJson } from "./printable.ts";

/** Returns all fields of a message in one line. */
export function messageJson(message: Message): string {
  const { topic, position, time, messageId, user, attributes } = message;
  const fields = { topic, position, time, messageId, user, attributes };
  return printableJson({ ...fields, ...dataOf(message) });
}

function dataOf({ data }: Message): Record<string, unknown> {
  if (!(data instanceof Uint8Array)) return { data };
  return { base64: Buffer.from(data).toString("base64") };
}

export function describeGap({ first, last, isNewEpoch, code }: Gap): string {
  if (isNewEpoch)
    return "the topic's log started over; the remaining messages of the old log are lost";
  const state = code === "SHARDCAST_MESSAGES_DAMAGED" ? "damaged" : "gone";
  return `messages ${first} to ${last} are ${state}`;
}
