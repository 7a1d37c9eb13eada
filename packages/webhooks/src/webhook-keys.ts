// The keys of one endpoint that are live at once, so that one is changed for another without a request refused.
import { ShardcastError } from "@shardcast/protocol";
import { parseWebhookKey, type SignatureVersion, type WebhookKey } from "./webhook-key.ts";

const MAX_KEYS = 8;

/** A signature as the header has it, `<version>,<base64>`, taken apart. */
export interface VersionedSignature {
  /** May be one that nobody here knows. */
  readonly version: string;
  readonly signature: string;
}

/**
 * The live keys of one endpoint: all sign, each is accepted. To rotate, put the new one first, give it to the
 * other side, and take the old one away once the other side has it.
 * Source: Standard Webhooks, "Signature scheme".
 */
export class WebhookKeys {
  readonly #keys: readonly WebhookKey[];

  /**
   * @param texts newest first, 1–8 of `whsec_<base64>` (24–64 bytes, HMAC-SHA256), `whsk_<base64>` (ed25519,
   * signs and verifies) and `whpk_<base64>` (ed25519, only verifies)
   * @throws SHARDCAST_OPTION_INVALID, which never repeats a key
   */
  constructor(texts: readonly string[]) {
    if (texts.length === 0 || texts.length > MAX_KEYS) {
      const detail = `an endpoint has 1 to ${MAX_KEYS} webhook keys, not ${texts.length}`;
      throw new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
    }
    this.#keys = texts.map(parseWebhookKey);
  }

  /** One signature of each key that can sign, newest first. */
  sign(content: Uint8Array): { version: SignatureVersion; signature: string }[] {
    return this.#keys.flatMap((key) => {
      const signature = key.sign(content);
      return signature === undefined ? [] : [{ version: key.version, signature }];
    });
  }

  /** Tells whether one of the signatures is of one of the keys; versions that no key has are skipped. */
  verify(content: Uint8Array, signatures: readonly VersionedSignature[]): boolean {
    return this.#keys.some((key) => {
      const candidates = signatures.filter(({ version }) => version === key.version);
      const texts = candidates.map(({ signature }) => signature);
      return texts.length > 0 && key.matches(content, texts);
    });
  }
}
