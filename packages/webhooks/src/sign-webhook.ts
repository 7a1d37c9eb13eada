// Creates the headers that authenticate a webhook's sender and content.
import { ShardcastError } from "@shardcast/protocol";
import {
  isWebhookId,
  parseTimestampS,
  signedContent,
  type WebhookStamp,
} from "./signed-content.ts";
import type { WebhookKeys } from "./webhook-keys.ts";

/** An attempt to sign. A retry keeps the id and has its own timestamp. */
export interface UnsignedWebhook extends WebhookStamp {
  /** The exact bytes of the request's body. */
  readonly body: Uint8Array;
}

/** The headers of a signed request. */
export interface WebhookHeaders {
  readonly "webhook-id": string;
  /** Whole seconds since 1970, in digits. */
  readonly "webhook-timestamp": string;
  /** `<version>,<base64>` of each live key, newest first, separated by blanks. */
  readonly "webhook-signature": string;
}

/**
 * Signs one attempt with every live key.
 * @throws SHARDCAST_OPTION_INVALID if the id or the timestamp is invalid, or no key can sign
 * Source: Standard Webhooks, "Signature scheme" and "Webhook headers".
 */
export function signWebhook(webhook: UnsignedWebhook, keys: WebhookKeys): WebhookHeaders {
  const timestamp = String(webhook.timestampS);
  if (!isWebhookId(webhook.id)) {
    throw optionInvalid(
      "a webhook's id must be 1 to 256 visible ASCII characters without a full stop",
    );
  }
  if (parseTimestampS(timestamp) === undefined) {
    throw optionInvalid(`a webhook's timestamp must be whole seconds since 1970, not ${timestamp}`);
  }
  const signatures = keys.sign(signedContent(webhook, webhook.body));
  if (signatures.length === 0) throw optionInvalid("no key can sign: whpk_ keys only verify");
  return {
    "webhook-id": webhook.id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures
      .map(({ version, signature }) => `${version},${signature}`)
      .join(" "),
  };
}

function optionInvalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
