// Parses the options for clients without the pre-shared key: their tokens, permissions and limits.
import {
  checkSecret,
  optionInvalid,
  parseJson,
  readOptionFile,
  readSecretFile,
  type ACCESS_OPTIONS,
  type Values,
} from "@shardcast/options";
import { Permissions } from "@shardcast/protocol";
import type { JSONWebKeySet } from "jose";
import type { AccessLimits } from "./access-limits.ts";
import { OriginList } from "./origin-list.ts";
import { SecretKey } from "./secret-key.ts";
import { JwksKeys, PemKey, SecretKeys, type TokenKeys } from "./token-keys.ts";
import { WebhookSenders } from "./webhook-senders.ts";

/** HS256 needs a key at least as long as its hash. RFC 7518 §3.2 */
const SECRET_MIN_BYTES = 32;

type AccessValues = Values<typeof ACCESS_OPTIONS>;

export interface AccessOptions extends Pick<
  AccessValues,
  | "jwksUrl"
  | "audience"
  | "issuer"
  | "leewayMs"
  | "anonymous"
  | "handshakesPerSecond"
  | "trustedHops"
> {
  /** Keys that the node already has; those of `jwksUrl` are fetched later. */
  readonly tokenKeys: readonly TokenKeys[];
  readonly defaultPermissions: Permissions;
  readonly limits: AccessLimits;
  readonly origins: OriginList;
  readonly apiKey: SecretKey;
  readonly adminKey: SecretKey;
  readonly senders: WebhookSenders;
}

/** @throws SHARDCAST_OPTION_INVALID, SHARDCAST_KEY_MISSING */
export function parseAccessOptions(values: AccessValues): AccessOptions {
  const { webhookKeysFile: file } = values;
  return {
    ...values,
    tokenKeys: [...secretsOf(values), ...keyFileOf(values)],
    defaultPermissions: values.tokenPermissions ?? new Permissions([]),
    limits: values,
    origins: new OriginList(values.origins),
    apiKey: new SecretKey(values.apiKey),
    adminKey: new SecretKey(values.adminKey),
    senders: file === undefined ? new WebhookSenders([]) : WebhookSenders.fromFile(file),
  };
}

function secretsOf({
  tokenSecret,
  previousTokenSecret,
  tokenSecretFile: file,
}: AccessValues): TokenKeys[] {
  const given = [tokenSecret, previousTokenSecret].filter((secret) => secret !== undefined);
  const secrets = given.length > 0 || file === undefined ? given : secretsIn(file);
  if (secrets.some((secret) => Buffer.byteLength(secret) < SECRET_MIN_BYTES)) {
    throw optionInvalid(`a token secret has ${SECRET_MIN_BYTES} bytes or more`);
  }
  return secrets.length === 0 ? [] : [new SecretKeys(secrets)];
}

function secretsIn(file: string): string[] {
  const name = "--token-secret-file";
  const secrets = readSecretFile(name, file).filter((secret) => secret !== undefined);
  return secrets.map((secret) => checkSecret(name, secret));
}

function keyFileOf({ tokenKeyFile: file }: AccessValues): TokenKeys[] {
  if (file === undefined) return [];
  try {
    const content = readOptionFile(file).toString("utf8");
    if (!content.trimStart().startsWith("{")) return [new PemKey(content)];
    return [new JwksKeys(parseJson("it", content) as JSONWebKeySet)];
  } catch (error) {
    const why = error instanceof Error ? error.message : "";
    throw optionInvalid(`--token-key ${file} cannot be used: ${why}`);
  }
}
