// One key in its text form: whsec_ (HMAC-SHA256), whsk_ and whpk_ (ed25519). It signs bytes and recognizes its own
// signatures. No error and no log line contains a key.
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  sign,
  timingSafeEqual,
  verify,
  type KeyObject,
} from "node:crypto";
import { ShardcastError } from "@shardcast/protocol";

const SECRET_MIN_BYTES = 24;
const SECRET_MAX_BYTES = 64;
const ED25519_BYTES = 32;
/** Limit per request, because an ed25519 check takes 100 µs and hashes the body. */
const ED25519_MAX_TRIES = 4;

// RFC 8410: the bytes before the 32 bytes of a key.
const PRIVATE_KEY_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_KEY_HEAD = Buffer.from("302a300506032b6570032100", "hex");

/** The prefix of a signature: `v1` is HMAC-SHA256, `v1a` is ed25519. */
export type SignatureVersion = "v1" | "v1a";

export interface WebhookKey {
  readonly version: SignatureVersion;
  /** Returns the signature in base64; undefined if the key is public and can only verify. */
  sign(content: Uint8Array): string | undefined;
  /** Whether this key made one of the signatures, which are in base64 and of the key's version. */
  matches(content: Uint8Array, signatures: readonly string[]): boolean;
}

/**
 * Parses `whsec_`, `whsk_` or `whpk_` followed by base64: a secret of 24–64 bytes, an ed25519 seed of 32 bytes (or 64
 * bytes with the public key after it), or an ed25519 public key of 32 bytes.
 * @throws SHARDCAST_OPTION_INVALID, whose message does not contain the text
 */
export function parseWebhookKey(text: string): WebhookKey {
  const at = text.indexOf("_") + 1;
  const bytes = decodeBase64(text.slice(at));
  switch (text.slice(0, at)) {
    case "whsec_":
      return secretKey(bytes);
    case "whsk_":
      return privateKey(bytes);
    case "whpk_":
      if (bytes.length !== ED25519_BYTES) throw keyInvalid("whpk_ must have 32 bytes", bytes);
      return new Ed25519Key(undefined, publicKeyOf(bytes));
    default:
      throw optionInvalid("a webhook key must begin with whsec_, whsk_ or whpk_");
  }
}

function secretKey(bytes: Uint8Array): WebhookKey {
  if (bytes.length < SECRET_MIN_BYTES || bytes.length > SECRET_MAX_BYTES) {
    throw keyInvalid(`whsec_ must have ${SECRET_MIN_BYTES} to ${SECRET_MAX_BYTES} bytes`, bytes);
  }
  return new SecretKey(bytes);
}

function privateKey(bytes: Uint8Array): WebhookKey {
  if (bytes.length !== ED25519_BYTES && bytes.length !== 2 * ED25519_BYTES) {
    throw keyInvalid("whsk_ must have 32 or 64 bytes", bytes);
  }
  const der = Buffer.concat([PRIVATE_KEY_HEAD, bytes.subarray(0, ED25519_BYTES)]);
  const secret = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const isPair = bytes.length > ED25519_BYTES;
  const open = createPublicKey(secret);
  if (isPair && !open.equals(publicKeyOf(bytes.subarray(ED25519_BYTES)))) {
    throw optionInvalid("the two halves of a webhook key whsk_ do not belong together");
  }
  return new Ed25519Key(secret, open);
}

function publicKeyOf(bytes: Uint8Array): KeyObject {
  const der = Buffer.concat([PUBLIC_KEY_HEAD, bytes]);
  return createPublicKey({ key: der, format: "der", type: "spki" });
}

class SecretKey implements WebhookKey {
  readonly version = "v1";
  readonly #secret: Uint8Array;

  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  sign(content: Uint8Array): string {
    return createHmac("sha256", this.#secret).update(content).digest("base64");
  }

  matches(content: Uint8Array, signatures: readonly string[]): boolean {
    const own = Buffer.from(this.sign(content));
    let isFound = false;
    // Compare all of them, so that the duration does not reveal which one matched.
    for (const signature of signatures) {
      const other = Buffer.from(signature);
      if (other.length === own.length && timingSafeEqual(other, own)) isFound = true;
    }
    return isFound;
  }
}

class Ed25519Key implements WebhookKey {
  readonly version = "v1a";
  readonly #secret: KeyObject | undefined;
  readonly #public: KeyObject;

  constructor(secret: KeyObject | undefined, open: KeyObject) {
    this.#secret = secret;
    this.#public = open;
  }

  sign(content: Uint8Array): string | undefined {
    if (this.#secret === undefined) return undefined;
    return sign(null, content, this.#secret).toString("base64");
  }

  matches(content: Uint8Array, signatures: readonly string[]): boolean {
    return signatures
      .slice(0, ED25519_MAX_TRIES)
      .some((signature) => verify(null, content, this.#public, Buffer.from(signature, "base64")));
  }
}

function decodeBase64(text: string): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw optionInvalid("a webhook key must be padded base64");
  return bytes;
}

function keyInvalid(rule: string, bytes: Uint8Array): ShardcastError {
  return optionInvalid(`a webhook key ${rule}, not ${bytes.length}`);
}

function optionInvalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
