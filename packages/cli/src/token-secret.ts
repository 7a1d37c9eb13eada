// The secret that signs tokens, and tokens that are signed with it.
import { join } from "node:path";
import { checkSecret, readSecretFile, text } from "@shardcast/options";
import type { Grant } from "@shardcast/protocol";
import { SignJWT } from "jose";

const USUAL_SECRET_FILE = join("data", "token-secret");

export const SECRET_FILE_OPTION = text("token-secret-file", {
  shownDefault: USUAL_SECRET_FILE,
  help: "File with the secret; or the secret itself in SHARDCAST_TOKEN_SECRET",
});

export interface TokenSpec {
  readonly user: string;
  readonly grants: readonly Grant[];
  readonly expiresS: number;
  readonly audience?: string | undefined;
  readonly issuer?: string | undefined;
}

/**
 * A file from the option has priority, then the environment, then the default file.
 * @throws SHARDCAST_KEY_MISSING, SHARDCAST_OPTION_INVALID
 */
export function readTokenSecret(secretFile: string | undefined): string {
  const { SHARDCAST_TOKEN_SECRET: secret } = process.env;
  if (secretFile === undefined && secret !== undefined && secret !== "") {
    return checkSecret("SHARDCAST_TOKEN_SECRET", secret);
  }
  const file = secretFile ?? USUAL_SECRET_FILE;
  return checkSecret("the secret of tokens", readSecretFile("the secret of tokens", file)[0]);
}

export function signToken(secret: string, spec: TokenSpec): Promise<string> {
  const { user, grants, expiresS, audience, issuer } = spec;
  const now = Math.floor(Date.now() / 1000);
  const jwt = new SignJWT({ caps: grants })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(user)
    .setIssuedAt(now)
    .setExpirationTime(now + expiresS);
  if (audience !== undefined) jwt.setAudience(audience);
  if (issuer !== undefined) jwt.setIssuer(issuer);
  return jwt.sign(new TextEncoder().encode(secret));
}
