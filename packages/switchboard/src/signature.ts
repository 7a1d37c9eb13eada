// Whether a request is the back end's, by either of the two ways to sign that it may use: Standard Webhooks, or
// the original's own.
import { createHash } from "node:crypto";
import { WebhookKeys, verifyWebhook, type InvalidReason } from "@shardcast/webhooks";
import {
  verifyApiAuth,
  type ApiAuthOptions,
  type Signed,
  type SignatureCode,
  type SignatureFault,
  type SignedRequest,
} from "./api-auth.ts";

const SECRET_MIN_BYTES = 24;
const SECRET_MAX_BYTES = 64;

/** Checks requests against one secret, whichever way they are signed. */
export class SignatureCheck {
  readonly #apiAuth: ApiAuthOptions;
  readonly #keys: WebhookKeys;

  readonly #now: () => number;

  /** @param now in ms since 1970 */
  constructor(options: ApiAuthOptions, now: () => number) {
    this.#apiAuth = options;
    this.#now = now;
    this.#keys = new WebhookKeys([webhookSecret(options.secret)]);
  }

  verify(request: SignedRequest): Signed | SignatureFault {
    if (request.headers["webhook-signature"] !== undefined) return this.#verifyWebhook(request);
    if (request.headers["authorization"] !== undefined) {
      return verifyApiAuth(request, this.#apiAuth, this.#now());
    }
    return {
      code: "SWITCHBOARD_SIGNATURE_MISSING",
      detail: "sign the request: Authorization: APIAuth …, or the headers of Standard Webhooks",
    };
  }

  /** What is wrong as far as the headers tell, before the body is read. */
  headFault(request: Omit<SignedRequest, "body">): SignatureFault | undefined {
    // Standard Webhooks sign the body itself.
    if (request.headers["webhook-signature"] !== undefined) return undefined;
    const verdict = this.verify({ ...request, body: new Uint8Array() });
    return isFaulty(verdict) && verdict.code !== "SWITCHBOARD_BODY_CHANGED" ? verdict : undefined;
  }

  #verifyWebhook({ headers, body }: SignedRequest): Signed | SignatureFault {
    const verdict = verifyWebhook({ headers, body, nowMs: this.#now() }, this.#keys);
    if (verdict.type === "invalid") {
      return {
        code: CODES[verdict.reason] ?? "SWITCHBOARD_SIGNATURE_MALFORMED",
        detail: verdict.reason,
      };
    }
    // Ids may be longer than those of messages.
    const requestId = createHash("sha256").update(`webhook ${verdict.id}`).digest("base64url");
    return { requestId, time: verdict.timestampS * 1000 };
  }
}

export function isFaulty(verdict: Signed | SignatureFault): verdict is SignatureFault {
  return "code" in verdict;
}

/**
 * The secret of the original as Standard Webhooks writes it: itself where it is one already, or is base64 of 24 to
 * 64 bytes; else its SHA-256.
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
