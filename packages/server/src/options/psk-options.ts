// Where a node's pre-shared key comes from: an option, the environment, or a file.
import { checkSecret, readSecretFile } from "@shardcast/process";
import { ShardcastError } from "@shardcast/protocol";
import { text, type RawOptions } from "./option-value.ts";

/** What the original queue took for its key where it was given none: everybody knows it. */
export const PUBLIC_PSK = "pre-shared-key";

/**
 * The key, and where there is one the previous key, which is accepted as well.
 * @param isLegacySpoken whether the original's public default may be a key
 * @throws SHARDCAST_KEY_MISSING, SHARDCAST_OPTION_INVALID
 */
export function readPsk(raw: RawOptions, isLegacySpoken: boolean): [string, string | undefined] {
  const check = (name: string, key: string): string =>
    isLegacySpoken && key === PUBLIC_PSK ? key : checkSecret(name, key);
  const given = raw["psk-previous"];
  const previous =
    given === undefined ? undefined : check("--psk-previous", text(raw, "psk-previous"));
  if (raw["psk"] !== undefined) return [check("--psk", text(raw, "psk")), previous];
  if (raw["psk-file"] === undefined) {
    throw new ShardcastError("SHARDCAST_KEY_MISSING", "no pre-shared key: give PSK or --psk-file");
  }
  const name = "--psk-file";
  const [first, second] = readSecretFile(name, text(raw, "psk-file"));
  return [check(name, first), previous ?? (second === undefined ? undefined : check(name, second))];
}
