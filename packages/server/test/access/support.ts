// What the specs of this folder share: tokens of every kind, also such as no library would make, and a clock
// that only moves when told.
import { createHmac, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { Permissions, ShardcastError, type Grant } from "@shardcast/protocol";
import type { AccessLimits } from "../../src/access/access-limits.ts";
import type { Identity } from "../../src/access/identity.ts";
import { TokenVerifier, type TokenVerifierOptions } from "../../src/access/token-verifier.ts";
import { SecretKeys } from "../../src/access/token-keys.ts";

export const SECRET = "the secret of the tests, which is long enough";
export const NOW_S = 1_700_000_000;
export const NOW_MS = NOW_S * 1000;
export const ALL_TOPICS: Grant = {
  topics: ["*"],
  allow: ["publish", "subscribe", "history", "presence"],
};
export const NO_LIMITS: AccessLimits = {
  linksPerAddress: Infinity,
  linksPerUser: Infinity,
  publishesPerSecond: Infinity,
  publishBytesPerSecond: Infinity,
  userPublishesPerSecond: Infinity,
  userPublishBytesPerSecond: Infinity,
  newTopicsPerSecond: Infinity,
  resumeWindowMs: 120_000,
};

export class Clock {
  ms = NOW_MS;
  readonly now = (): number => this.ms;
}

/** Makes the third part of a token from the first two. */
export type Signer = (input: string) => Buffer;

export function hmac(secret: string | Uint8Array, hash = "sha256"): Signer {
  return (input) => createHmac(hash, secret).update(input).digest();
}

/** A token of any head and claims; by default one that is good. */
export function tokenOf(
  claims: unknown = {},
  header: unknown = { alg: "HS256" },
  signer: Signer = hmac(SECRET),
): string {
  const good = { sub: "ann", exp: NOW_S + 60 };
  const isObject = typeof claims === "object" && claims !== null && !Array.isArray(claims);
  return rawToken(JSON.stringify(isObject ? { ...good, ...claims } : claims), header, signer);
}

/** @param claims as they stand in the token, be they JSON or not */
export function rawToken(claims: string, header: unknown, signer: Signer = hmac(SECRET)): string {
  const input = `${base64url(JSON.stringify(header))}.${base64url(claims)}`;
  return `${input}.${signer(input).toString("base64url")}`;
}

export function base64url(text: string): string {
  return Buffer.from(text).toString("base64url");
}

export function verifierOf(options: Partial<TokenVerifierOptions> = {}): TokenVerifier {
  return new TokenVerifier({
    keys: [new SecretKeys([SECRET])],
    audience: undefined,
    issuer: undefined,
    leewayMs: 5000,
    defaultPermissions: new Permissions([]),
    now: () => NOW_MS,
    ...options,
  });
}

/** The code with which something is refused, or `ok`. Anything else that is thrown fails the test. */
export async function verdict(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "ok";
  } catch (error) {
    if (error instanceof ShardcastError) return error.code;
    throw error;
  }
}

export function identityOf(fields: Partial<Identity> = {}): Identity {
  return {
    user: "ann",
    permissions: new Permissions([ALL_TOPICS]),
    grantedBy: "caps",
    expiresAt: NOW_MS + 60_000,
    ...fields,
  };
}

export interface KeyPair {
  readonly alg: string;
  readonly publicKey: KeyObject;
  readonly signer: Signer;
}

/** One key pair for each kind of public key. */
export function keyPairs(): KeyPair[] {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ed = generateKeyPairSync("ed25519");
  const pss = { padding: 6, saltLength: 32 };
  return [
    {
      alg: "RS256",
      publicKey: rsa.publicKey,
      signer: (input) => sign("sha256", Buffer.from(input), rsa.privateKey),
    },
    {
      alg: "PS256",
      publicKey: rsa.publicKey,
      signer: (input) => sign("sha256", Buffer.from(input), { key: rsa.privateKey, ...pss }),
    },
    {
      alg: "ES256",
      publicKey: ec.publicKey,
      signer: (input) =>
        sign("sha256", Buffer.from(input), { key: ec.privateKey, dsaEncoding: "ieee-p1363" }),
    },
    {
      alg: "EdDSA",
      publicKey: ed.publicKey,
      signer: (input) => sign(null, Buffer.from(input), ed.privateKey),
    },
  ];
}

export function pemOf(key: KeyObject): string {
  return key.export({ type: "spki", format: "pem" }).toString();
}
