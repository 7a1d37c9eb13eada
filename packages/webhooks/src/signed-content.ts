// The bytes that a webhook's signatures cover, and the rules for ids and timestamps that make them unambiguous.

/** The longest `webhook-id`, in characters. */
const ID_MAX_CHARACTERS = 256;
/** Visible ASCII without the full stop. */
const ID = /^[\x21-\x2d\x2f-\x7e]+$/;

/** The signed fields in addition to the body. */
export interface WebhookStamp {
  /** The id of the message, equal for all attempts: 1–256 visible ASCII characters without a full stop. */
  readonly id: string;
  /** When this attempt was signed, in whole seconds since 1970. */
  readonly timestampS: number;
}

/**
 * Whether a text is a valid `webhook-id`. It must not contain a full stop: otherwise the signature of one message would
 * also be valid for another one, whose id is longer and whose body is shorter.
 */
export function isWebhookId(text: string): boolean {
  return text.length <= ID_MAX_CHARACTERS && ID.test(text);
}

/** Parses digits without a leading zero, so that each time has one text form. Returns undefined for other texts. */
export function parseTimestampS(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,11})$/.test(text) ? Number(text) : undefined;
}

/** Returns `<prefix><id>.<timestamp>.<body>`. */
export function signedContent(stamp: WebhookStamp, body: Uint8Array, prefix = ""): Uint8Array {
  return Buffer.concat([Buffer.from(`${prefix}${stamp.id}.${stamp.timestampS}.`), body]);
}
