// The bytes that a webhook's signatures are over, and what an id and a timestamp may be for them to be unmistakable.

/** The longest `webhook-id`, in characters. */
const ID_MAX_CHARACTERS = 256;
/** Visible ASCII but the full stop. */
const ID = /^[\x21-\x2d\x2f-\x7e]+$/;

/** What is signed beside the body. */
export interface WebhookStamp {
  /** Names the message, the same at every attempt: 1–256 visible ASCII characters but the full stop. */
  readonly id: string;
  /** When this attempt was signed, in whole seconds since 1970. */
  readonly timestampS: number;
}

/**
 * Tells whether a text may be a `webhook-id`. A full stop may not be in it: with one, the signature of
 * one message would be that of another, whose id ends later and whose body begins later.
 */
export function isWebhookId(text: string): boolean {
  return text.length <= ID_MAX_CHARACTERS && ID.test(text);
}

/** Digits without a leading zero, so that one time has one text; undefined where the text is none. */
export function parseTimestampS(text: string): number | undefined {
  return /^(?:0|[1-9]\d{0,11})$/.test(text) ? Number(text) : undefined;
}

/** `<prefix><id>.<timestamp>.<body>` */
export function signedContent(stamp: WebhookStamp, body: Uint8Array, prefix = ""): Uint8Array {
  return Buffer.concat([Buffer.from(`${prefix}${stamp.id}.${stamp.timestampS}.`), body]);
}
