// The options that say who is let in without the pre-shared key, and how much one client may take.
import { checkSecret, parseJson, readOptionFile, readSecretFile } from "@shardcast/process";
import { Permissions, parseGrantText } from "@shardcast/protocol";
import type { JSONWebKeySet } from "jose";
import type { Options } from "yargs";
import { optionInvalid, text, wholeNumber, type RawOptions } from "../option-value.ts";
import { SecretKey } from "../http/secret-key.ts";
import { WebhookSenders } from "../http/webhook-senders.ts";
import type { AccessLimits } from "./gate.ts";
import { OriginList } from "./origin-list.ts";
import { JwksKeys, PemKey, SecretKeys, type TokenKeys } from "./token-keys.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const MEBIBYTE = 1024 * 1024;
/** HS256 wants a key no shorter than its hash. RFC 7518 §3.2 */
const SECRET_MIN_BYTES = 32;

export const ACCESS_OPTIONS = {
  "token-secret": {
    type: "string",
    describe: "The secret that clients' tokens are signed with (HS256), 32 bytes or more",
  },
  "token-secret-previous": {
    type: "string",
    describe: "A second secret that is accepted as well, while secrets are being changed",
  },
  "token-secret-file": {
    type: "string",
    describe:
      "A file whose first line is the secret, and whose second, if any, is the previous one",
  },
  "token-key": {
    type: "string",
    describe: "A file with the public key of tokens (RS, PS, ES or EdDSA): PEM, or a JWKS as JSON",
  },
  "token-jwks": {
    type: "string",
    describe: "The URL of a JWKS: the public keys of tokens, fetched again when they change",
  },
  "token-audience": { type: "string", describe: "What the claim aud of a token has to name" },
  "token-issuer": { type: "string", describe: "What the claim iss of a token has to be" },
  "token-leeway": {
    type: "number",
    default: 5000,
    describe: "ms by which the clocks of those who sign tokens may be off",
  },
  "token-allow": {
    type: "string",
    describe:
      "What a token without the claim caps allows: <actions>:<topic pattern>, set apart by blanks",
    defaultDescription: "nothing",
  },
  anonymous: {
    type: "string",
    describe: "What anyone may do without a token, for demos: subscribe:demo/* and so on",
    defaultDescription: "nothing",
  },
  "resume-window": {
    type: "number",
    default: 120_000,
    describe: "ms that a client without the permission history may go back when it resumes",
  },
  "max-links-per-address": {
    type: "number",
    default: 1000,
    describe: "Links that clients with a token, or none, may have from one address; 0: any number",
  },
  "max-links-per-user": {
    type: "number",
    default: 100,
    describe: "Links of one user; 0: any number",
  },
  "link-publishes": {
    type: "number",
    default: 100,
    describe: "Publishes a second of one link that came with a token; 0: any number",
  },
  "link-publish-bytes": {
    type: "number",
    default: MEBIBYTE,
    describe: "Bytes of these a second; 0: any number",
  },
  "user-publishes": {
    type: "number",
    default: 500,
    describe: "Publishes a second of one user at this node; 0: any number",
  },
  "user-publish-bytes": {
    type: "number",
    default: 4 * MEBIBYTE,
    describe: "Bytes of these a second; 0: any number",
  },
  "max-new-topics": {
    type: "number",
    default: 100,
    describe:
      "Topics a second that clients with a token, or none, may begin: of one user, and from one address; 0: any number",
  },
  "max-handshakes": {
    type: "number",
    default: 5000,
    describe: "Links that may be opened a second, whoever opens them; 0: any number",
  },
  origins: {
    type: "string",
    default: "*",
    describe: "Whose pages may connect: https://app.example.com,https://*.example.com",
  },
  "api-key": {
    type: "string",
    describe: "The key of back ends that ask over HTTP; better as SHARDCAST_API_KEY",
  },
  "admin-key": {
    type: "string",
    describe:
      "The key of administrators, for GET /links and the like; better as SHARDCAST_ADMIN_KEY",
  },
  "webhook-keys": {
    type: "string",
    describe:
      'A file with the keys of back ends that sign what they send: [{"name":"shop","keys":["whsec_…"],"allow":"publish:orders/*"}]',
  },
  "trusted-hops": {
    type: "number",
    default: 0,
    describe: "Proxies in front that add to X-Forwarded-For and can be believed",
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
