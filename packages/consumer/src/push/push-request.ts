// A message as an HTTP request: the payload unchanged, with a new signature for each attempt.
// docs/push.md#what-comes
import { createHash } from "node:crypto";
import { isUtf8 } from "node:buffer";
import { USER_ATTRIBUTE, type MessageFrame } from "@shardcast/protocol";
import { isWebhookId, signWebhook, type WebhookKeys } from "@shardcast/webhooks";

/** Printable ASCII, which a header may carry unchanged. */
const HEADER_VALUE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
const ATTRIBUTE_NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** The most bytes of all attributes. Servers accept 8 KiB of headers, not always more. */
const MAX_ATTRIBUTE_BYTES = 4096;

export interface PushPlace {
  readonly topic: string;
  /** `<epoch>_<offset>` */
  readonly position: string;
}

export interface PushAttempt extends PushPlace {
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly timestampS: number;
  readonly keys: WebhookKeys;
}

export function pushHeaders(message: MessageFrame, attempt: PushAttempt): Record<string, string> {
  const { topic, position, keys, timestampS } = attempt;
  const id = webhookIdOf(message, attempt);
  const user = message.attributes?.[USER_ATTRIBUTE];
  return {
    ...attributeHeaders(message),
    ...signWebhook({ id, timestampS, body: message.payload }, keys),
    "content-type": contentTypeOf(message),
    "shardcast-topic": encodeURIComponent(topic),
    ...(user === undefined ? {} : { "shardcast-user": encodeURIComponent(user) }),
    "shardcast-position": position,
    "shardcast-attempt": String(attempt.attempt),
  };
}

/** The same at each attempt, from any node. */
function webhookIdOf({ messageId }: MessageFrame, place: PushPlace): string {
  if (messageId !== undefined && isWebhookId(messageId)) return messageId;
  return `sc_${placeHash(place)}`;
}

export function placeHash({ topic, position }: PushPlace, salt = ""): string {
  return createHash("sha256").update(`${salt}\n${position}\n${topic}`).digest("base64url");
}

function contentTypeOf({ attributes, payload }: MessageFrame): string {
  const type = attributes?.["content-type"];
  if (type !== undefined && HEADER_VALUE.test(type)) return type;
  return isUtf8(payload) ? "text/plain; charset=utf-8" : "application/octet-stream";
}

function attributeHeaders({ attributes = {} }: MessageFrame): Record<string, string> {
  const headers: Record<string, string> = {};
  let bytes = 0;
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "content-type" || !ATTRIBUTE_NAME.test(name)) continue;
    const encoded = encodeURIComponent(value);
    bytes += name.length + encoded.length;
    if (bytes > MAX_ATTRIBUTE_BYTES) break;
    headers[`shardcast-attribute-${name.toLowerCase()}`] = encoded;
  }
  return headers;
}
