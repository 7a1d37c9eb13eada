// A session as the client holds it: who it is and until when, encrypted and authenticated (JWE, `dir` with
// A256GCM), so that it can be neither read nor made by anybody else. Nothing about it is kept here.
import { hkdfSync } from "node:crypto";
import { EncryptJWT, errors, jwtDecrypt } from "jose";
import { isUserId, type UserId } from "./user.ts";

const ISSUER = "shardcast-switchboard";
const KEY_LABEL = "shardcast-switchboard session key";
const KEY_ID_LABEL = "shardcast-switchboard session key id";
const KEY_BYTES = 32;
const KEY_ID_BYTES = 6;
/** A sealed session has about 300 characters. What is longer is not even looked at. */
const MAX_CHARACTERS = 1024;
const COMPACT = /^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

export interface SealOptions {
  readonly secret: string;
  /** Sessions sealed by it are still taken, while secrets are being changed. */
  readonly previousSecret?: string | undefined;
  readonly lifetimeMs: number;
  /** ms since 1970. @default Date.now */
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

  /** Undefined where the text is no session of this switchboard, or one that is over. */
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

/** One session has one text: base64 has room for bits that say nothing. */
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
