// Sessions of the original's clients: each client creates a random UUID, which is its only secret. The UUID is treated as
// a secret: the user id, which the back end and others know, does not reveal it.
import { createHmac, hkdfSync } from "node:crypto";
import type { UserId } from "./user.ts";

const KEY_LABEL = "shardcast-switchboard client session key";
const KEY_BYTES = 32;
/** Version 4: 122 random bits. Names and numbers are not accepted, because they can be guessed. */
const RANDOM_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

export class ClientSessions {
  readonly #key: Uint8Array;

  constructor(secret: string) {
    this.#key = new Uint8Array(hkdfSync("sha256", secret, "", KEY_LABEL, KEY_BYTES));
  }

  /** Returns the user of a session, the same on all nodes; undefined if the session is not a random UUID. */
  userOf(session: string): UserId | undefined {
    if (!RANDOM_UUID.test(session)) return undefined;
    const hash = createHmac("sha256", this.#key).update(session.toLowerCase()).digest();
    return uuidOf(hash);
  }
}

/** Returns a UUID of version 8 (RFC 9562: custom bits). */
function uuidOf(hash: Buffer): UserId {
  const bytes = hash.subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ];
  return parts.join("-");
}
