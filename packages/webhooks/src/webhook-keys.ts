// The live keys of one endpoint. Several keys at a time allow a key change without refused requests.
import { ShardcastError } from "@shardcast/protocol";
import { parseWebhookKey, type SignatureVersion, type WebhookKey } from "./webhook-key.ts";

const MAX_KEYS = 8;

/** A signature of the header, `<version>,<base64>`, split into its parts. */
export interface VersionedSignature {
  /** May be an unknown version. */
  readonly version: string;
  readonly signature: string;
}

/**
 * The live keys of one endpoint: all of them sign, and each is accepted. To rotate, put the new key first, give it to the
 * other side, and remove the old key once the other side has the new one.
 * Source: Standard Webhooks, "Signature scheme".
 */
export class WebhookKeys {
  readonly #keys: readonly WebhookKey[];

  /**
   * @param texts newest first, 1–8 of `whsec_<base64>` (24–64 bytes, HMAC-SHA256), `whsk_<base64>` (ed25519, signs and
   * verifies) and `whpk_<base64>` (ed25519, only verifies)
   * @throws SHARDCAST_OPTION_INVALID, whose message never contains a key
   */
  constructor(texts: readonly string[]) {
    if (texts.length === 0 || texts.length > MAX_KEYS) {
      const detail = `an endpoint must have 1 to ${MAX_KEYS} webhook keys, not ${texts.length}`;
      throw new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
    }
    this.#keys = texts.map(parseWebhookKey);
  }

  /** Returns one signature of each key that can sign, newest first. */
  sign(content: Uint8Array): { version: SignatureVersion; signature: string }[] {
    return this.#keys.flatMap((key) => {
      const signature = key.sign(content);
      return signature === undefined ? [] : [{ version: key.version, signature }];
    });
  }

  /** Whether one of the keys made one of the signatures. Versions without a key are skipped. */
  verify(content: Uint8Array, signatures: readonly VersionedSignature[]): boolean {
    return this.#keys.some((key) => {
      const candidates = signatures.filter(({ version }) => version === key.version);
      const texts = candidates.map(({ signature }) => signature);
      return texts.length > 0 && key.matches(content, texts);
    });
  }
}
