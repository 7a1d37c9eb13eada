// Checks keys and secrets, from any source, and reads files of secrets. No error contains a secret.
import { ShardcastError } from "@shardcast/protocol";
import { readOptionFile } from "./option-file.ts";
import { optionInvalid } from "./option-invalid.ts";

/** The shortest key or secret, in characters. */
export const SECRET_MIN_CHARACTERS = 16;

const QUOTED = /^(["'`]).*\1$/;
const CONTROL = /[\p{Cc}\ufeff\ufffd]/u;
const UTF16_MARKS = ["fffe", "feff"];

/**
 * Returns the key or secret if it is valid: at least 16 characters, without anything that a shell, an editor or a file
 * format may have added (blanks or quotes around it, control characters, a byte order mark).
 * @param name the option, for errors, such as `--psk`
 * @throws SHARDCAST_OPTION_INVALID
 */
export function checkSecret(name: string, secret: string): string {
  const fault = secretFault(secret);
  if (fault !== undefined) throw optionInvalid(`${name} ${fault}`);
  return secret;
}

/**
 * Reads a file of secrets: the first line is the secret, the second, if any, the previous one. Line ends and blanks
 * around a secret are ignored.
 * @throws SHARDCAST_KEY_MISSING if the file cannot be read or is empty; SHARDCAST_OPTION_INVALID
 */
export function readSecretFile(name: string, file: string): [string, string | undefined] {
  let bytes: Buffer;
  try {
    bytes = readOptionFile(file);
  } catch (cause) {
    const { code = "" } = cause as { readonly code?: string };
    const why = code === "ENOENT" ? "does not exist" : `cannot be read: ${code}`;
    throw new ShardcastError("SHARDCAST_KEY_MISSING", `${name}: ${file} ${why}`, { cause });
  }
  if (UTF16_MARKS.includes(bytes.toString("hex", 0, 2)) || bytes.includes(0)) {
    throw optionInvalid(`${name}: ${file} is not UTF-8`);
  }
  const [first, second] = bytes
    .toString("utf8")
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (first === undefined) {
    throw new ShardcastError("SHARDCAST_KEY_MISSING", `${name}: ${file} is empty`);
  }
  return [first, second];
}

function secretFault(secret: string): string | undefined {
  if (secret.trim() !== secret) return "has blanks or line ends around it";
  if (QUOTED.test(secret)) return "has quotes around it";
  if (CONTROL.test(secret)) return "has characters that a key cannot have: write it as UTF-8 text";
  const count = secret.length;
  if (count >= SECRET_MIN_CHARACTERS) return undefined;
  return `has ${count} characters; the minimum is ${SECRET_MIN_CHARACTERS}`;
}
