// Where a node's pre-shared key comes from: an option, the environment, or a file.
import { readFileSync } from "node:fs";
import { ShardcastError } from "@shardcast/protocol";
import { optionInvalid, type RawOptions } from "./option-value.ts";

/**
 * The key, and where there is one the previous key, which is accepted as well.
 * @throws SHARDCAST_KEY_MISSING
 */
export function readPsk(raw: RawOptions, env: NodeJS.ProcessEnv): [string, string | undefined] {
  const psk = keyText(raw["psk"] ?? env["PSK"]);
  const previous = keyText(raw["psk-previous"] ?? env["PSK_PREVIOUS"]);
  if (psk !== undefined) return [psk, previous];
  const file = raw["psk-file"];
  if (typeof file !== "string") {
    throw new ShardcastError("SHARDCAST_KEY_MISSING", "no pre-shared key: give PSK or --psk-file");
  }
  const [first, second] = readKeyFile(file);
  return [first, previous ?? second];
}

function readKeyFile(file: string): [string, string | undefined] {
  let content: string;
  try {
    content = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ShardcastError("SHARDCAST_KEY_MISSING", `--psk-file ${file} cannot be read`, {
      cause,
    });
  }
  const [first, second] = content
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  if (first === undefined) {
    throw new ShardcastError("SHARDCAST_KEY_MISSING", `--psk-file ${file} is empty`);
  }
  return [first, second];
}

/** A key of digits alone is read as a number by yargs where it comes from a file. */
function keyText(value: unknown): string | undefined {
  if (value === undefined || value === "") return undefined;
  if (typeof value === "string") return value;
  throw optionInvalid("--psk needs one value");
}
