// The key by which back ends ask a node over HTTP: `Authorization: Bearer <key>`.
import { createHash, timingSafeEqual } from "node:crypto";
import { ShardcastError } from "@shardcast/protocol";

export class ApiKey {
  readonly #digest: Buffer | undefined;

  /** @param key undefined where nobody may ask */
  constructor(key: string | undefined) {
    this.#digest = key === undefined ? undefined : digestOf(key);
  }

  /** @throws SHARDCAST_UNAUTHORIZED */
  check(authorization: string | undefined): void {
    if (this.#digest === undefined) {
      const detail = "the node was started without --api-key: it answers no such questions";
      throw new ShardcastError("SHARDCAST_UNAUTHORIZED", detail);
    }
    const given = /^Bearer +(.+)$/i.exec(authorization ?? "")?.[1] ?? "";
    // Digests have one length, so that the time of the comparison says nothing of the key's.
    if (!timingSafeEqual(digestOf(given), this.#digest)) {
      throw new ShardcastError("SHARDCAST_UNAUTHORIZED");
    }
  }
}

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
