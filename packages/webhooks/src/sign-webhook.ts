// Gives the headers that say who a webhook is from and that nobody has changed it.
import { ShardcastError } from "@shardcast/protocol";
import {
  isWebhookId,
  parseTimestampS,
  signedContent,
  type WebhookStamp,
} from "./signed-content.ts";
import type { WebhookKeys } from "./webhook-keys.ts";

/** An attempt to be signed. A retry keeps the id and has a timestamp of its own. */
export interface UnsignedWebhook extends WebhookStamp {
  /** The very bytes that are sent. */
  readonly body: Uint8Array;
}

/** What goes with the body. */
export interface WebhookHeaders {
  readonly "webhook-id": string;
  /** Whole seconds since 1970, in digits. */
  readonly "webhook-timestamp": string;
  /** `<version>,<base64>` of each live key, newest first, with a space in between. */
  readonly "webhook-signature": string;
}

/**
 * Signs one attempt with every live key.
 * @throws SHARDCAST_OPTION_INVALID where the id or the timestamp breaks the rules, or no key can sign
 * Source: Standard Webhooks, "Signature scheme" and "Webhook headers".
 */
export function signWebhook(webhook: UnsignedWebhook, keys: WebhookKeys): WebhookHeaders {
  const timestamp = String(webhook.timestampS);
  if (!isWebhookId(webhook.id)) {
    throw optionInvalid("a webhook's id is 1 to 256 visible ASCII characters but the full stop");
  }
  if (parseTimestampS(timestamp) === undefined) {
    throw optionInvalid(`a webhook's timestamp is whole seconds since 1970, not ${timestamp}`);
  }
  const signatures = keys.sign(signedContent(webhook, webhook.body));
  if (signatures.length === 0) throw optionInvalid("whpk_ keys verify only, and there is no other");
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
