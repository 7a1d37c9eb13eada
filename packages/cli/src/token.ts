// `shardcast token`: creates a token for development, signed with the nodes' secret.
import { join } from "node:path";
import { checkSecret, readSecretFile } from "@shardcast/process";
import { MEMBER_USER_MAX_BYTES, isPlainText, parseGrantText, textBytes } from "@shardcast/protocol";
import { optionInvalid, text, wholeNumber } from "@shardcast/server";
import { SignJWT } from "jose";
import type { Argv, CommandModule } from "yargs";

const HOUR_S = 3600;
const MAX_EXPIRES_S = 100 * 365 * 24 * HOUR_S;

export const tokenCommand: CommandModule = {
  command: "token",
  describe: "Create a token for a client, and print it",
  builder: (argv: Argv) =>
    argv.options({
      sub: { type: "string", requiresArg: true, demandOption: true, describe: "The user" },
      allow: {
        type: "string",
        array: true,
        requiresArg: true,
        default: [],
        describe:
          "What the client may do: publish,subscribe:chat/* (also history, presence); may be repeated",
      },
      expires: { type: "number", default: HOUR_S, describe: "Lifetime in seconds" },
      audience: { type: "string", requiresArg: true, describe: "The claim aud" },
      issuer: { type: "string", requiresArg: true, describe: "The claim iss" },
      "token-secret-file": {
        type: "string",
        requiresArg: true,
        defaultDescription: join("data", "token-secret"),
        describe: "File with the secret; or the secret itself in SHARDCAST_TOKEN_SECRET",
      },
    }),
  handler: token,
};

async function token(raw: Readonly<Record<string, unknown>>): Promise<void> {
  const expires = wholeNumber(raw, "expires", 1, MAX_EXPIRES_S);
  const now = Math.floor(Date.now() / 1000);
  const allow = raw["allow"] as readonly string[];
  const claims = { caps: allow.flatMap((grants) => parseGrantText(grants)) };
  const jwt = new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(userOf(raw))
    .setIssuedAt(now)
    .setExpirationTime(now + expires);
  if (raw["audience"] !== undefined) jwt.setAudience(text(raw, "audience"));
  if (raw["issuer"] !== undefined) jwt.setIssuer(text(raw, "issuer"));
  process.stdout.write(`${await jwt.sign(new TextEncoder().encode(secretOf(raw)))}\n`);
}

/** Checks the user by the rules of the nodes, which refuse tokens of other users. */
function userOf(raw: Readonly<Record<string, unknown>>): string {
  const user = text(raw, "sub");
  if (textBytes(user) <= MEMBER_USER_MAX_BYTES && isPlainText(user)) return user;
  throw optionInvalid(
    `--sub must have at most ${MEMBER_USER_MAX_BYTES} bytes, and no control characters`,
  );
}

/** A file from the option has priority, then the environment, then the default file. */
function secretOf(raw: Readonly<Record<string, unknown>>): string {
  const { SHARDCAST_TOKEN_SECRET: secret } = process.env;
  const isNamed = raw["token-secret-file"] !== undefined;
  if (!isNamed && secret !== undefined && secret !== "") {
    return checkSecret("SHARDCAST_TOKEN_SECRET", secret);
  }
  const file = isNamed ? text(raw, "token-secret-file") : join("data", "token-secret");
  return checkSecret("the secret of tokens", readSecretFile("the secret of tokens", file)[0]);
}
