// The cursor of the next page of topics. It may contain a name that the caller may not see, so it
// is encrypted (AES-256-GCM). The key is derived from the pre-shared key, so every node of the
// cluster can read the cursor.
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { ShardcastError, type HandshakeKeys } from "@shardcast/protocol";

/** No client's topic begins with this prefix. */
const PREFIX = "$cursor/";
const CURSOR = /^\$cursor\/([^./]+)\.([\w-]+)$/;
const ALGORITHM = "aes-256-gcm";
const LABEL = Buffer.from("shardcast topics cursor");
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class TopicsCursor {
  readonly #keys: HandshakeKeys;

  constructor(keys: HandshakeKeys) {
    this.#keys = keys;
  }

  seal(name: string): string {
    const { keyId } = this.#keys;
    const key = this.#keys.mac(keyId, LABEL);
    if (key === undefined) throw new RangeError("there is no key");
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce);
    const sealed = Buffer.concat([cipher.update(name, "utf8"), cipher.final()]);
    const bytes = Buffer.concat([nonce, cipher.getAuthTag(), sealed]);
    return `${PREFIX}${keyId}.${bytes.toString("base64url")}`;
  }

  /**
   * Returns the name after which a page begins: the name in a cursor, or a name that the caller
   * gave.
   * @throws SHARDCAST_REQUEST_INVALID if `after` looks like a cursor, but is not one of this
   * cluster
   */
  nameOf(after: string): string {
    if (!after.startsWith(PREFIX)) return after;
    const [, keyId = "", sealed = ""] = CURSOR.exec(after) ?? [];
    const key = this.#keys.mac(keyId, LABEL);
    const name = key === undefined ? undefined : unseal(key, Buffer.from(sealed, "base64url"));
    if (name !== undefined) return name;
    throw new ShardcastError("SHARDCAST_REQUEST_INVALID", "after is no cursor of this cluster");
  }
}

function unseal(key: Uint8Array, bytes: Buffer): string | undefined {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  try {
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const opened = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
    return Buffer.concat([opened, decipher.final()]).toString("utf8");
  } catch {
    return undefined;
  }
}
