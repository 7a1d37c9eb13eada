// Signs the tokens of a cluster's clients, as an application's back end would.
import { ACTIONS, type Grant } from "@shardcast/protocol";
import { SignJWT } from "jose";

const HOUR_S = 3600;
const EVERYTHING: readonly Grant[] = [{ topics: ["*"], allow: ACTIONS }];

export interface TokenClaims {
  /** The user. */
  readonly sub: string;
  /** What the user may do: `[{ topics: ["chat/*"], allow: ["publish", "subscribe"] }]`. @default everything */
  readonly caps?: readonly Grant[];
  /** How long the token is valid, in seconds. @default 3600 */
  readonly expiresInS?: number;
}

export function signToken(secret: string, claims: TokenClaims): Promise<string> {
  const { sub, caps = EVERYTHING, expiresInS = HOUR_S } = claims;
  const nowS = Math.floor(Date.now() / 1000);
  return new SignJWT({ caps })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(sub)
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + expiresInS)
    .sign(new TextEncoder().encode(secret));
}
