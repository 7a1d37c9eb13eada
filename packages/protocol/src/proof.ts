// The hashes of the handshake, computed with node:crypto. They have a separate entry point,
// @shardcast/protocol/proof, which browsers never load: a browser must not hold the pre-shared key.
import { createHash, createHmac, randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import { ShardcastError } from "./errors.ts";
import type { HandshakeKeys } from "./handshake.ts";
import type { LegacyKeys } from "./legacy-handshake.ts";

const KEY_ID_LABEL = "shardcast.v1 key id";
const NONCE_BYTES = 32;
/** Below 2^47 any client can write the number in hex without loss, and `randomInt` accepts the range. */
const LEGACY_ONCE_LIMIT = 2 ** 47;

/** The live pre-shared keys of a node or a client. Its own proofs use the first key; all keys are accepted. */
export class PskKeys implements HandshakeKeys, LegacyKeys {
  readonly keyId: string;
  readonly #keys: ReadonlyMap<string, string>;

  /**
   * @param psk the key for proofs, not empty
   * @param previous a key that peers may still use during a key change
   * @throws SHARDCAST_KEY_MISSING if either key is empty: anyone could prove knowledge of an empty key
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

/** Returns the first 8 hex digits of `HMAC-SHA256(psk, "shardcast.v1 key id")`. */
export function keyIdOf(psk: string): string {
  return createHmac("sha256", psk).update(KEY_ID_LABEL).digest("hex").slice(0, 8);
}

export function createNonce(): Uint8Array {
  return randomBytes(NONCE_BYTES);
}

/** Returns the original queue's answer to a challenge: `base64(SHA-256(psk ‖ hex(once)))`. docs/protocol.md#legacy */
export function legacyAnswer(psk: string, once: number): string {
  return createHash("sha256")
    .update(psk + once.toString(16))
    .digest("base64");
}

/** Returns a random number for the original queue's challenge, at least 1: the original treats 0 as none. */
export function createLegacyOnce(): number {
  return randomInt(1, LEGACY_ONCE_LIMIT);
}
