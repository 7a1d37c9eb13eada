// Verifies that a request is a current webhook, signed with one of the keys. The replay guard decides whether it is a
// repeat.
import {
  isWebhookId,
  parseTimestampS,
  signedContent,
  type WebhookStamp,
} from "./signed-content.ts";
import { DEFAULT_TOLERANCE_S, timestampFault } from "./tolerance.ts";
import type { VersionedSignature, WebhookKeys } from "./webhook-keys.ts";

const MAX_SIGNATURES = 32;
/** More than 32 ed25519 signatures need. */
const SIGNATURES_MAX_CHARACTERS = 4096;
/** `v1`, `v1a`, and future versions. */
const SIGNATURE = /^(v\d{1,3}[a-z]{0,3}),([\x21-\x2b\x2d-\x7e]+)$/;

/** A request to verify. */
export interface ReceivedWebhook {
  /** Node's `headers` or `headersDistinct`; names in any case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The exact bytes of the received body, before any parser. */
  readonly body: Uint8Array;
  /** The current time, in ms since 1970. */
  readonly nowMs: number;
  /**
   * Text before the id in the signed content. If it contains a blank, the signature cannot be that of a webhook, because
   * an id contains no blank. @default ""
   */
  readonly prefix?: string;
  /** How old, and how far in the future, the timestamp may be, in seconds. @default 300 */
  readonly toleranceS?: number;
}

export type InvalidReason =
  /** One of the three headers is missing. */
  | "header-missing"
  /** One of the headers occurs more than once. */
  | "header-repeated"
  /** Not 1–256 visible ASCII characters, or contains a full stop. */
  | "id-malformed"
  /** Not digits, more than 12 digits, or a leading zero. */
  | "timestamp-malformed"
  /** Not 1–32 of `<version>,<signature>` separated by single blanks, or more than 4096 characters. */
  | "signature-malformed"
  | "too-old"
  | "too-new"
  /** No signature of a supported version was made with a live key. */
  | "no-match";

export type WebhookVerdict =
  | ({ readonly type: "valid" } & WebhookStamp)
  | { readonly type: "invalid"; readonly reason: InvalidReason };

/**
 * Verifies the format of the headers, then the time, then the signatures, so that cheap checks come first. Compares
 * signatures in constant time and skips unknown versions. Never throws.
 * Source: Standard Webhooks, "Verifying signatures".
 */
export function verifyWebhook(webhook: ReceivedWebhook, keys: WebhookKeys): WebhookVerdict {
  const texts = readHeaders(webhook.headers);
  if (typeof texts === "string") return invalid(texts);
  const [id, timestamp, signature] = texts;
  if (!isWebhookId(id)) return invalid("id-malformed");
  const timestampS = parseTimestampS(timestamp);
  if (timestampS === undefined) return invalid("timestamp-malformed");
  const signatures = parseSignatures(signature);
  if (signatures === undefined) return invalid("signature-malformed");
  const toleranceS = webhook.toleranceS ?? DEFAULT_TOLERANCE_S;
  const fault = timestampFault(timestampS, webhook.nowMs, toleranceS);
  if (fault !== undefined) return invalid(fault);
  const stamp = { id, timestampS };
  const content = signedContent(stamp, webhook.body, webhook.prefix);
  if (!keys.verify(content, signatures)) return invalid("no-match");
  return { type: "valid", ...stamp };
}

function readHeaders(
  headers: ReceivedWebhook["headers"],
): [string, string, string] | InvalidReason {
  const found = new Map<string, string[]>([
    ["webhook-id", []],
    ["webhook-timestamp", []],
    ["webhook-signature", []],
  ]);
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) found.get(name.toLowerCase())?.push(...[value].flat());
  }
  const values = [...found.values()];
  if (values.some((list) => list.length > 1)) return "header-repeated";
  const [id, timestamp, signature] = values.flat();
  if (id === undefined || timestamp === undefined || signature === undefined) {
    return "header-missing";
  }
  return [id, timestamp, signature];
}

/** A header that Node joined from two has an extra comma, so it is invalid. */
function parseSignatures(header: string): VersionedSignature[] | undefined {
  if (header.length > SIGNATURES_MAX_CHARACTERS) return undefined;
  const signatures: VersionedSignature[] = [];
  for (const text of header.split(" ")) {
    const [, version, signature] = SIGNATURE.exec(text) ?? [];
    if (version === undefined || signature === undefined) return undefined;
    signatures.push({ version, signature });
  }
  return signatures.length > MAX_SIGNATURES ? undefined : signatures;
}

function invalid(reason: InvalidReason): WebhookVerdict {
  return { type: "invalid", reason };
}
