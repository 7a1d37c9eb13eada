// A node's pre-shared key: from an option, the environment, or a file.
import { checkSecret, readSecretFile, type NODE_OPTIONS, type Values } from "@shardcast/options";
import { ShardcastError } from "@shardcast/protocol";

/** The default key of the original queue, which is public. */
export const PUBLIC_PSK = "pre-shared-key";

type PskValues = Pick<
  Values<typeof NODE_OPTIONS>,
  "psk" | "previousPsk" | "pskFile" | "isLegacySpoken"
>;

/**
 * Returns the key and, if there is one, the previous key, which is also accepted. With the original
 * queue's protocol, its public default is allowed as a key.
 * @throws SHARDCAST_KEY_MISSING, SHARDCAST_OPTION_INVALID
 */
export function readPsk(values: PskValues): [string, string | undefined] {
  const { psk, previousPsk, pskFile, isLegacySpoken } = values;
  const check = (name: string, key: string): string =>
    isLegacySpoken && key === PUBLIC_PSK ? key : checkSecret(name, key);
  const previous = previousPsk === undefined ? undefined : check("--psk-previous", previousPsk);
  if (psk !== undefined) return [check("--psk", psk), previous];
  if (pskFile === undefined) {
    throw new ShardcastError("SHARDCAST_KEY_MISSING", "no pre-shared key: give PSK or --psk-file");
  }
  const name = "--psk-file";
  const [first, second] = readSecretFile(name, pskFile);
  return [check(name, first), previous ?? (second === undefined ? undefined : check(name, second))];
}
