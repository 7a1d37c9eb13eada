// @shardcast/webhooks: Standard Webhooks, sending and receiving. Independent of topics and links.
//
//   webhook-keys → webhook-key            the live keys of an endpoint
//   sign-webhook, verify-webhook          creating and checking the headers
//   replay-guard                          recognizes webhooks that were accepted before
//   webhook-sender → webhook-attempt → post-result, retry-after
//     ↳ webhook-target, guarded-lookup → address-guard      the allowed targets
//   retry-delay                           the retry schedule
export { AddressGuard } from "./address-guard.ts";
export type { Resolve } from "./guarded-lookup.ts";
export type { PostResult } from "./post-result.ts";
export {
  ReplayGuard,
  type ClaimVerdict,
  type ReplayClaim,
  type ReplayGuardOptions,
} from "./replay-guard.ts";
export { RETRY_SCHEDULE_MS, retryDelayMs } from "./retry-delay.ts";
export { isWebhookId, type WebhookStamp } from "./signed-content.ts";
export { signWebhook, type UnsignedWebhook, type WebhookHeaders } from "./sign-webhook.ts";
export {
  verifyWebhook,
  type InvalidReason,
  type ReceivedWebhook,
  type WebhookVerdict,
} from "./verify-webhook.ts";
export { WebhookKeys } from "./webhook-keys.ts";
export { parseWebhookTarget, type TargetRules, type WebhookTarget } from "./webhook-target.ts";
export { WebhookSender, type WebhookPost, type WebhookSenderOptions } from "./webhook-sender.ts";
