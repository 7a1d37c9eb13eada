// A key that is sent as `Authorization: Bearer <key>`. It is held as its digest, and compared in
// constant time.
import { createHash, timingSafeEqual } from "node:crypto";

export class SecretKey {
  readonly #digest: Buffer | undefined;

  /** @param key undefined if the key is not set: then no text matches */
  constructor(key: string | undefined) {
    this.#digest = key === undefined ? undefined : digestOf(key);
  }

  get isSet(): boolean {
    return this.#digest !== undefined;
  }

  /**
   * Compares digests, which all have one length, so that the time reveals nothing about the key's
   * length.
   */
  matches(text: string): boolean {
    return this.#digest !== undefined && timingSafeEqual(digestOf(text), this.#digest);
  }
}

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
