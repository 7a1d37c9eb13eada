// Verifies that the back end signed a request, with either of its two methods: Standard Webhooks, or the original's own
// signature.
import { createHash } from "node:crypto";
import { WebhookKeys, verifyWebhook, type InvalidReason } from "@shardcast/webhooks";
import {
  verifyApiAuth,
  type ApiAuthOptions,
  type VerifiedRequest,
  type SignatureCode,
  type SignatureFault,
  type BackEndRequest,
} from "./api-auth.ts";

const SECRET_MIN_BYTES = 24;
const SECRET_MAX_BYTES = 64;

/** Verifies requests with one secret, for both methods. */
export class SignatureCheck {
  readonly #apiAuth: ApiAuthOptions;
  readonly #keys: WebhookKeys;

  readonly #now: () => number;

  /** @param now returns the current time, in ms since 1970 */
  constructor(options: ApiAuthOptions, now: () => number) {
    this.#apiAuth = options;
    this.#now = now;
    this.#keys = new WebhookKeys([webhookSecret(options.secret)]);
  }

  verify(request: BackEndRequest): VerifiedRequest | SignatureFault {
    if (request.headers["webhook-signature"] !== undefined) return this.#verifyWebhook(request);
    if (request.headers["authorization"] !== undefined) {
      return verifyApiAuth(request, this.#apiAuth, this.#now());
    }
    return {
      code: "SWITCHBOARD_SIGNATURE_MISSING",
      detail:
        "the request must be signed: Authorization: APIAuth …, or the headers of Standard Webhooks",
    };
  }

  /** Returns the faults that are visible in the headers, before the body is read. */
  headFault(request: Omit<BackEndRequest, "body">): SignatureFault | undefined {
    // The signature of Standard Webhooks covers the body itself.
    if (request.headers["webhook-signature"] !== undefined) return undefined;
    const verdict = this.verify({ ...request, body: new Uint8Array() });
    return isFaulty(verdict) && verdict.code !== "SWITCHBOARD_BODY_CHANGED" ? verdict : undefined;
  }

  #verifyWebhook({ headers, body }: BackEndRequest): VerifiedRequest | SignatureFault {
    const verdict = verifyWebhook({ headers, body, nowMs: this.#now() }, this.#keys);
    if (verdict.type === "invalid") {
      return {
        code: CODES[verdict.reason] ?? "SWITCHBOARD_SIGNATURE_MALFORMED",
        detail: verdict.reason,
      };
    }
    // A webhook's id may be longer than a message id.
    const requestId = createHash("sha256").update(`webhook ${verdict.id}`).digest("base64url");
    return { requestId, time: verdict.timestampS * 1000 };
  }
}

export function isFaulty(verdict: VerifiedRequest | SignatureFault): verdict is SignatureFault {
  return "code" in verdict;
}

/**
 * Converts the original's secret to the form of Standard Webhooks: unchanged if it has that form, with a prefix if it is
 * base64 of 24 to 64 bytes, otherwise its SHA-256.
 */
export function webhookSecret(secret: string): string {
  if (secret.startsWith("whsec_")) return secret;
  const bytes = Buffer.from(secret, "base64");
  const isBase64 = bytes.toString("base64") === secret;
  const isLongEnough = bytes.length >= SECRET_MIN_BYTES && bytes.length <= SECRET_MAX_BYTES;
  if (isBase64 && isLongEnough) return `whsec_${secret}`;
  return `whsec_${createHash("sha256").update(secret).digest("base64")}`;
}

const CODES: Partial<Record<InvalidReason, SignatureCode>> = {
  "header-missing": "SWITCHBOARD_SIGNATURE_MISSING",
  "too-old": "SWITCHBOARD_SIGNATURE_STALE",
  "too-new": "SWITCHBOARD_SIGNATURE_STALE",
  "no-match": "SWITCHBOARD_SIGNATURE_WRONG",
};
