// Seals sessions: the client holds its user id and the expiry encrypted and authenticated (JWE, `dir` with A256GCM), so
// that it can neither read nor forge them. The switchboard stores nothing about a session.
import { hkdfSync } from "node:crypto";
import { EncryptJWT, errors, jwtDecrypt } from "jose";
import { isUserId, type UserId } from "./user.ts";

const ISSUER = "shardcast-switchboard";
const KEY_LABEL = "shardcast-switchboard session key";
const KEY_ID_LABEL = "shardcast-switchboard session key id";
const KEY_BYTES = 32;
const KEY_ID_BYTES = 6;
/** A sealed session has about 300 characters. Longer texts are refused without decryption. */
const MAX_CHARACTERS = 1024;
const COMPACT = /^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

export interface SealOptions {
  readonly secret: string;
  /** Sessions sealed with this secret are still accepted, for changing secrets. */
  readonly previousSecret?: string | undefined;
  readonly lifetimeMs: number;
  /** Returns the current time, in ms since 1970. @default Date.now */
  readonly now?: () => number;
}

export interface Session {
  readonly userId: UserId;
}

interface SealKey {
  readonly id: string;
  readonly bytes: Uint8Array;
}

export class SessionSeal {
  readonly lifetimeMs: number;
  readonly #current: SealKey;
  readonly #keys: ReadonlyMap<string, SealKey>;
  readonly #now: () => number;

  constructor({ secret, previousSecret, lifetimeMs, now = Date.now }: SealOptions) {
    this.#current = deriveKey(secret);
    const keys = [this.#current];
    if (previousSecret !== undefined) keys.push(deriveKey(previousSecret));
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.lifetimeMs = lifetimeMs;
    this.#now = now;
  }

  seal({ userId }: Session): Promise<string> {
    const seconds = Math.floor(this.#now() / 1000);
    return new EncryptJWT()
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: this.#current.id })
      .setIssuer(ISSUER)
      .setSubject(userId)
      .setIssuedAt(seconds)
      .setExpirationTime(seconds + Math.ceil(this.lifetimeMs / 1000))
      .encrypt(this.#current.bytes);
  }

  /** Returns undefined if the text is not a session of this switchboard, or if it has expired. */
  async unseal(text: string): Promise<Session | undefined> {
    if (!isCanonical(text)) return undefined;
    try {
      const { payload } = await jwtDecrypt(text, ({ kid = "" }) => this.#keyOf(kid), {
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
        issuer: ISSUER,
        requiredClaims: ["sub", "iat", "exp"],
        currentDate: new Date(this.#now()),
      });
      return isUserId(payload.sub) ? { userId: payload.sub } : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }

  #keyOf(id: string): Uint8Array {
    const key = this.#keys.get(id);
    if (key === undefined) throw new errors.JWEDecryptionFailed();
    return key.bytes;
  }
}

/** Whether the base64 has no unused bits set, so that each session has exactly one text. */
function isCanonical(text: string): boolean {
  if (text.length > MAX_CHARACTERS || !COMPACT.test(text)) return false;
  return text
    .split(".")
    .every((part) => Buffer.from(part, "base64url").toString("base64url") === part);
}

function deriveKey(secret: string): SealKey {
  const derive = (label: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync("sha256", secret, "", label, bytes));
  const id = derive(KEY_ID_LABEL, KEY_ID_BYTES).toString("base64url");
  return { id, bytes: new Uint8Array(derive(KEY_LABEL, KEY_BYTES)) };
}
