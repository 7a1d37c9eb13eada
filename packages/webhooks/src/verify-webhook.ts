// Tells whether a request is a webhook of somebody who has one of the keys, and of now. Whether it came before is
// for the replay guard to say.
import {
  isWebhookId,
  parseTimestampS,
  signedContent,
  type WebhookStamp,
} from "./signed-content.ts";
import { DEFAULT_TOLERANCE_S, timestampFault } from "./tolerance.ts";
import type { VersionedSignature, WebhookKeys } from "./webhook-keys.ts";

const MAX_SIGNATURES = 32;
/** 32 signatures of ed25519 have fewer. */
const SIGNATURES_MAX_CHARACTERS = 4096;
/** `v1`, `v1a`, and what may come after them. */
const SIGNATURE = /^(v\d{1,3}[a-z]{0,3}),([\x21-\x2b\x2d-\x7e]+)$/;

/** A request that says to be a webhook. */
export interface ReceivedWebhook {
  /** As Node gives them, `headers` or `headersDistinct`; names in any case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The very bytes that came, before any parser. */
  readonly body: Uint8Array;
  /** Now, in ms since 1970. */
  readonly nowMs: number;
  /**
   * What stands in front of the id in the signed content. A blank in it tells such a signature from that of any
   * webhook, whose id has none. @default ""
   */
  readonly prefix?: string;
  /** How old, and how far in the future, the timestamp may be. @default 300 */
  readonly toleranceS?: number;
}

export type InvalidReason =
  /** One of the three headers is not there. */
  | "header-missing"
  /** One of them came more than once. */
  | "header-repeated"
  /** Not 1–256 visible ASCII characters, or a full stop among them. */
  | "id-malformed"
  /** Not digits, or more than 12 of them, or a leading zero. */
  | "timestamp-malformed"
  /** Not 1–32 of `<version>,<signature>` with single spaces in between, in 4096 characters. */
  | "signature-malformed"
  | "too-old"
  | "too-new"
  /** No signature of a version that is known here is of a live key. */
  | "no-match";

export type WebhookVerdict =
  | ({ readonly type: "valid" } & WebhookStamp)
  | { readonly type: "invalid"; readonly reason: InvalidReason };

/**
 * Verifies a request: the headers' shapes, then the time, then the signatures, so that what is cheap to refuse
 * is. Signatures are compared in constant time; versions that are not known here are skipped. Never throws.
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

/** A header that Node joined out of two has a comma too many, and is none. */
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
