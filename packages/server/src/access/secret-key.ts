// A key that is shown whole, as `Authorization: Bearer <key>`: kept as its digest, compared in constant time.
import { createHash, timingSafeEqual } from "node:crypto";

export class SecretKey {
  readonly #digest: Buffer | undefined;

  /** @param key undefined where nobody has it */
  constructor(key: string | undefined) {
    this.#digest = key === undefined ? undefined : digestOf(key);
  }

  get isSet(): boolean {
    return this.#digest !== undefined;
  }

  /** Digests have one length, so that the time of the comparison says nothing of the key's. */
  matches(text: string): boolean {
    return this.#digest !== undefined && timingSafeEqual(digestOf(text), this.#digest);
  }
}

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
