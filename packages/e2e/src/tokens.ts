// Creates tokens as an application's back end would.
import type { Grant } from "@shardcast/protocol";
import { SignJWT } from "jose";

/** The nodes' `--token-secret`. */
export const TOKEN_SECRET = "the secret of the tests, which is long enough";

export interface TokenOptions {
  /** @default "ann" */
  readonly sub?: string;
  readonly caps?: readonly Grant[];
  /** @default one hour */
  readonly expiresInS?: number;
  readonly secret?: string;
}

export function tokenOf(options: TokenOptions = {}): Promise<string> {
  const { sub = "ann", caps, expiresInS = 3600, secret = TOKEN_SECRET } = options;
  return new SignJWT(caps === undefined ? {} : { caps })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInS)
    .sign(new TextEncoder().encode(secret));
}
