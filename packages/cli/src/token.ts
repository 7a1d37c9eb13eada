// `shardcast token`: creates a token for development, signed with the nodes' secret.
import { join } from "node:path";
import {
  checkSecret,
  optionInvalid,
  readSecretFile,
  text,
  texts,
  whole,
  type Values,
} from "@shardcast/options";
import { MEMBER_USER_MAX_BYTES, isPlainText, parseGrantText, textBytes } from "@shardcast/protocol";
import { SignJWT } from "jose";
import { command } from "./command.ts";

const HOUR_S = 3600;
const MAX_EXPIRES_S = 100 * 365 * 24 * HOUR_S;

const USUAL_SECRET_FILE = join("data", "token-secret");

const OPTIONS = {
  user: text("sub", { isRequired: true, help: "The user" }, userOf),
  allow: texts(
    "allow",
    {
      help: "What the client may do: publish,subscribe:chat/* (also history, presence, monitor, admin); may be repeated",
    },
    parseGrantText,
  ),
  expiresS: whole("expires", {
    default: HOUR_S,
    min: 1,
    max: MAX_EXPIRES_S,
    help: "Lifetime in seconds",
  }),
  audience: text("audience", { help: "The claim aud" }),
  issuer: text("issuer", { help: "The claim iss" }),
  secretFile: text("token-secret-file", {
    shownDefault: USUAL_SECRET_FILE,
    help: "File with the secret; or the secret itself in SHARDCAST_TOKEN_SECRET",
  }),
};

type TokenValues = Values<typeof OPTIONS>;

export const tokenCommand = command({
  command: "token",
  describe: "Create a token for a client, and print it",
  positionals: {},
  options: OPTIONS,
  run: token,
});

async function token(values: TokenValues): Promise<void> {
  const { user, allow, expiresS, audience, issuer } = values;
  const now = Math.floor(Date.now() / 1000);
  const jwt = new SignJWT({ caps: allow.flat() })
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(user)
    .setIssuedAt(now)
    .setExpirationTime(now + expiresS);
  if (audience !== undefined) jwt.setAudience(audience);
  if (issuer !== undefined) jwt.setIssuer(issuer);
  process.stdout.write(`${await jwt.sign(new TextEncoder().encode(secretOf(values)))}\n`);
}

/** Checks the user by the rules of the nodes, which refuse tokens of other users. */
function userOf(user: string, label: string): string {
  if (textBytes(user) <= MEMBER_USER_MAX_BYTES && isPlainText(user)) return user;
  throw optionInvalid(
    `${label} has ${MEMBER_USER_MAX_BYTES} bytes or less, and no control characters`,
  );
}

/** A file from the option has priority, then the environment, then the default file. */
function secretOf({ secretFile }: TokenValues): string {
  const { SHARDCAST_TOKEN_SECRET: secret } = process.env;
  if (secretFile === undefined && secret !== undefined && secret !== "") {
    return checkSecret("SHARDCAST_TOKEN_SECRET", secret);
  }
  const file = secretFile ?? USUAL_SECRET_FILE;
  return checkSecret("the secret of tokens", readSecretFile("the secret of tokens", file)[0]);
}
