// `shardcast token`: creates a token for development, signed with the nodes' secret.
import { optionInvalid, text, texts, whole, type Values } from "@shardcast/options";
import { MEMBER_USER_MAX_BYTES, isPlainText, parseGrantText, textBytes } from "@shardcast/protocol";
import { command } from "./command.ts";
import { SECRET_FILE_OPTION, readTokenSecret, signToken } from "./token-secret.ts";

const HOUR_S = 3600;
const MAX_EXPIRES_S = 100 * 365 * 24 * HOUR_S;

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
  secretFile: SECRET_FILE_OPTION,
};

type TokenValues = Values<typeof OPTIONS>;

export const tokenCommand = command({
  command: "token",
  describe: "Create a token for a client, and print it",
  positionals: {},
  options: OPTIONS,
  run: token,
});

async function token({ secretFile, allow, ...spec }: TokenValues): Promise<void> {
  const secret = readTokenSecret(secretFile);
  process.stdout.write(`${await signToken(secret, { ...spec, grants: allow.flat() })}\n`);
}

/** Checks the user by the rules of the nodes, which refuse tokens of other users. */
function userOf(user: string, label: string): string {
  if (textBytes(user) <= MEMBER_USER_MAX_BYTES && isPlainText(user)) return user;
  throw optionInvalid(
    `${label} has ${MEMBER_USER_MAX_BYTES} bytes or less, and no control characters`,
  );
}
