// The options that say who is let in without the pre-shared key, and how much one client may take.
import { checkSecret, parseJson, readOptionFile, readSecretFile } from "@shardcast/process";
import { Permissions, parseGrantText } from "@shardcast/protocol";
import type { JSONWebKeySet } from "jose";
import type { Options } from "yargs";
import { optionInvalid, text, wholeNumber, type RawOptions } from "../options/option-value.ts";
import { SecretKey } from "./secret-key.ts";
import { WebhookSenders } from "./webhook-senders.ts";
import type { AccessLimits } from "./access-limits.ts";
import { OriginList } from "./origin-list.ts";
import { JwksKeys, PemKey, SecretKeys, type TokenKeys } from "./token-keys.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const MEBIBYTE = 1024 * 1024;
/** HS256 wants a key no shorter than its hash. RFC 7518 §3.2 */
const SECRET_MIN_BYTES = 32;

export const ACCESS_OPTIONS = {
  "token-secret": {
    group: "Keys and tokens:",
    type: "string",
    describe: "Secret that signs clients' tokens (HS256), at least 32 bytes",
  },
  "token-secret-previous": {
    group: "Keys and tokens:",
    type: "string",
    describe: "A second secret that is also accepted, for changing secrets",
  },
  "token-secret-file": {
    group: "Keys and tokens:",
    type: "string",
    describe:
      "File with the secret on its first line and, optionally, the previous secret on its second",
  },
  "token-key": {
    group: "Keys and tokens:",
    type: "string",
    describe: "File with the public key of tokens (RS, PS, ES or EdDSA): PEM, or a JWKS as JSON",
  },
  "token-jwks": {
    group: "Keys and tokens:",
    type: "string",
    describe:
      "URL of a JWKS with the public keys of tokens; the node fetches it again when keys change",
  },
  "token-audience": {
    group: "Keys and tokens:",
    type: "string",
    describe: "Value that the aud claim of a token must contain",
  },
  "token-issuer": {
    group: "Keys and tokens:",
    type: "string",
    describe: "Value that the iss claim of a token must have",
  },
  "token-leeway": {
    group: "Keys and tokens:",
    type: "number",
    default: 5000,
    describe: "Clock difference to allow for when checking tokens, in ms",
  },
  "token-allow": {
    group: "Keys and tokens:",
    type: "string",
    describe:
      "Permissions of a token without a caps claim: <actions>:<topic pattern>, separated by spaces",
    defaultDescription: "nothing",
  },
  anonymous: {
    group: "Keys and tokens:",
    type: "string",
    describe: "Permissions of clients without a token, for demos: subscribe:demo/*",
    defaultDescription: "nothing",
  },
  "resume-window": {
    group: "Keys and tokens:",
    type: "number",
    default: 120_000,
    describe: "How far back a client without the history permission may resume, in ms",
  },
  "max-links-per-address": {
    group: "Limits:",
    type: "number",
    default: 1000,
    describe: "Links that clients without the key may have from one address; 0 for no limit",
  },
  "max-links-per-user": {
    group: "Limits:",
    type: "number",
    default: 100,
    describe: "Links that one user may have; 0 for no limit",
  },
  "link-publishes": {
    group: "Limits:",
    type: "number",
    default: 100,
    describe: "Publishes per second on a link with a token; 0 for no limit",
  },
  "link-publish-bytes": {
    group: "Limits:",
    type: "number",
    default: MEBIBYTE,
    describe: "Published bytes per second on a link with a token; 0 for no limit",
  },
  "user-publishes": {
    group: "Limits:",
    type: "number",
    default: 500,
    describe: "Publishes per second of one user on this node; 0 for no limit",
  },
  "user-publish-bytes": {
    group: "Limits:",
    type: "number",
    default: 4 * MEBIBYTE,
    describe: "Published bytes per second of one user on this node; 0 for no limit",
  },
  "max-new-topics": {
    group: "Limits:",
    type: "number",
    default: 100,
    describe:
      "Topics that one user, or one address, may create per second without the key; 0 for no limit",
  },
  "max-handshakes": {
    group: "Limits:",
    type: "number",
    default: 5000,
    describe: "New links per second, from all clients together; 0 for no limit",
  },
  origins: {
    group: "Keys and tokens:",
    type: "string",
    default: "*",
    describe:
      "Origins of web pages that may connect: https://app.example.com,https://*.example.com",
  },
  "api-key": {
    group: "Keys and tokens:",
    type: "string",
    describe: "Key for back ends that use HTTP; prefer the variable SHARDCAST_API_KEY",
  },
  "admin-key": {
    group: "Keys and tokens:",
    type: "string",
    describe: "Key for administrators, as for GET /links; prefer the variable SHARDCAST_ADMIN_KEY",
  },
  "webhook-keys": {
    group: "Keys and tokens:",
    type: "string",
    describe:
      'File with the keys of back ends that sign their requests: [{"name":"shop","keys":["whsec_…"],"allow":"publish:orders/*"}]',
  },
  "trusted-hops": {
    group: "Keys and tokens:",
    type: "number",
    default: 0,
    describe: "Number of trusted proxies in front of this node that append to X-Forwarded-For",
  },
} as const satisfies Record<string, Options>;

/** Who is let in without the pre-shared key, and how much one client may take. */
export interface AccessOptions {
  /** Keys at hand. */
  readonly tokenKeys: readonly TokenKeys[];
  readonly jwksUrl: URL | undefined;
  readonly audience: string | undefined;
  readonly issuer: string | undefined;
  readonly leewayMs: number;
  readonly defaultPermissions: Permissions;
  readonly anonymous: Permissions | undefined;
  readonly limits: AccessLimits;
  readonly handshakesPerSecond: number;
  readonly origins: OriginList;
  readonly trustedHops: number;
  readonly apiKey: SecretKey;
  readonly adminKey: SecretKey;
  readonly senders: WebhookSenders;
}

/** @throws SHARDCAST_OPTION_INVALID */
export function parseAccessOptions(raw: RawOptions): AccessOptions {
  const anonymous = optional(raw, "anonymous");
  return {
    tokenKeys: [...secretsOf(raw), ...keyFileOf(raw)],
    jwksUrl: jwksUrlOf(raw),
    audience: optional(raw, "token-audience"),
    issuer: optional(raw, "token-issuer"),
    leewayMs: wholeNumber(raw, "token-leeway", 0, DAY_MS),
    defaultPermissions: permissionsOf("token-allow", optional(raw, "token-allow") ?? ""),
    anonymous: anonymous === undefined ? undefined : permissionsOf("anonymous", anonymous),
    limits: {
      linksPerAddress: limit(raw, "max-links-per-address"),
      linksPerUser: limit(raw, "max-links-per-user"),
      publishesPerSecond: limit(raw, "link-publishes"),
      publishBytesPerSecond: limit(raw, "link-publish-bytes"),
      userPublishesPerSecond: limit(raw, "user-publishes"),
      userPublishBytesPerSecond: limit(raw, "user-publish-bytes"),
      newTopicsPerSecond: limit(raw, "max-new-topics"),
      resumeWindowMs: wholeNumber(raw, "resume-window", 0, 365 * DAY_MS),
    },
    handshakesPerSecond: limit(raw, "max-handshakes"),
    origins: new OriginList(text(raw, "origins")),
    apiKey: keyOf(raw, "api-key"),
    adminKey: keyOf(raw, "admin-key"),
    senders: sendersOf(raw),
    trustedHops: wholeNumber(raw, "trusted-hops", 0, 100),
  };
}

function optional(raw: RawOptions, name: string): string | undefined {
  return raw[name] === undefined ? undefined : text(raw, name);
}

function limit(raw: RawOptions, name: string): number {
  const value = wholeNumber(raw, name, 0, Number.MAX_SAFE_INTEGER);
  return value === 0 ? Infinity : value;
}

function permissionsOf(name: string, grants: string): Permissions {
  try {
    return new Permissions(parseGrantText(grants));
  } catch (error) {
    throw optionInvalid(`--${name}: ${error instanceof Error ? error.message : ""}`);
  }
}

function keyOf(raw: RawOptions, name: string): SecretKey {
  const key = optional(raw, name);
  return new SecretKey(key === undefined ? undefined : checkSecret(`--${name}`, key));
}

function sendersOf(raw: RawOptions): WebhookSenders {
  const file = optional(raw, "webhook-keys");
  return file === undefined ? new WebhookSenders([]) : WebhookSenders.fromFile(file);
}

function secretsOf(raw: RawOptions): TokenKeys[] {
  const given = ["token-secret", "token-secret-previous"].flatMap((name) => {
    const secret = optional(raw, name);
    return secret === undefined ? [] : [checkSecret(`--${name}`, secret)];
  });
  const secrets = given.length > 0 ? given : secretFileOf(raw);
  if (secrets.some((secret) => Buffer.byteLength(secret) < SECRET_MIN_BYTES)) {
    throw optionInvalid(`a token secret has ${SECRET_MIN_BYTES} bytes or more`);
  }
  return secrets.length === 0 ? [] : [new SecretKeys(secrets)];
}

function secretFileOf(raw: RawOptions): string[] {
  const file = optional(raw, "token-secret-file");
  if (file === undefined) return [];
  const name = "--token-secret-file";
  const secrets = readSecretFile(name, file).filter((secret) => secret !== undefined);
  return secrets.map((secret) => checkSecret(name, secret));
}

function keyFileOf(raw: RawOptions): TokenKeys[] {
  const file = optional(raw, "token-key");
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

function jwksUrlOf(raw: RawOptions): URL | undefined {
  const value = optional(raw, "token-jwks");
  if (value === undefined) return undefined;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url?.hostname ?? "");
  if (url !== undefined && url.username + url.password !== "") {
    // fetch takes none, and logs would have them.
    throw optionInvalid("--token-jwks has neither a user nor a password");
  }
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLocal)) return url;
  throw optionInvalid("--token-jwks is a URL that begins with https://");
}
