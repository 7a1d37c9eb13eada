// The hashes of the handshake, by node:crypto. An entry of its own, @shardcast/protocol/proof, which a
// browser never loads: a browser must not hold the pre-shared key.
import { createHash, createHmac, randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import { ShardcastError } from "./errors.ts";
import type { Keys } from "./handshake.ts";
import type { LegacyKeys } from "./legacy-handshake.ts";

const KEY_ID_LABEL = "shardcast.v1 key id";
const NONCE_BYTES = 32;
/** Any client can write it in hex without a loss, and `randomInt` gives it. */
const LEGACY_ONCE_LIMIT = 2 ** 47;

/** The live pre-shared keys of a node or a client: the first proves, all are accepted. */
export class PskKeys implements Keys, LegacyKeys {
  readonly keyId: string;
  readonly #keys: ReadonlyMap<string, string>;

  /**
   * @param psk the key to prove oneself with, any text but the empty one
   * @param previous a key that peers may still use while keys are being changed
   * @throws SHARDCAST_KEY_MISSING where either is empty: anyone could prove that they know that key
   */
  constructor(psk: string, previous?: string) {
    if (psk === "" || previous === "") throw new ShardcastError("SHARDCAST_KEY_MISSING");
    this.keyId = keyIdOf(psk);
    this.#keys = new Map(
      [psk, previous].filter((key) => key !== undefined).map((key) => [keyIdOf(key), key]),
    );
  }

  mac(keyId: string, transcript: Uint8Array): Uint8Array | undefined {
    const key = this.#keys.get(keyId);
    return key === undefined ? undefined : createHmac("sha256", key).update(transcript).digest();
  }

  legacyAnswers(once: number): readonly string[] {
    return [...this.#keys.values()].map((key) => legacyAnswer(key, once));
  }

  isEqual(left: Uint8Array, right: Uint8Array): boolean {
    return left.length === right.length && timingSafeEqual(left, right);
  }
}

/** The first 8 hex digits of `HMAC-SHA256(psk, "shardcast.v1 key id")`. */
export function keyIdOf(psk: string): string {
  return createHmac("sha256", psk).update(KEY_ID_LABEL).digest("hex").slice(0, 8);
}

export function createNonce(): Uint8Array {
  return randomBytes(NONCE_BYTES);
}

/** The original queue's answer to a challenge: `base64(SHA-256(psk ‖ hex(once)))`. docs/protocol.md#legacy */
export function legacyAnswer(psk: string, once: number): string {
  return createHash("sha256")
    .update(psk + once.toString(16))
    .digest("base64");
}

/** A number for the original queue's challenge: from 1 on, since to the original 0 is none. */
export function createLegacyOnce(): number {
  return randomInt(1, LEGACY_ONCE_LIMIT);
}
