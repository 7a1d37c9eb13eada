// Options of all nodes for clients without the pre-shared key: tokens, origins, keys for HTTP, and limits.
import { Permissions, parseGrantText } from "@shardcast/protocol";
import { optionInvalid } from "./option-invalid.ts";
import { limit, secret, text, whole } from "./row.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const MEBIBYTE = 1024 * 1024;
const KEYS = { group: "Keys and tokens" } as const;
const LIMITS = { group: "Limits" } as const;

/** The limits of one client, or of all links of one user, on a node. */
export const ACCESS_LIMIT_OPTIONS = {
  /** How far back a client without the permission `history` may resume. */
  resumeWindowMs: whole("resume-window", {
    ...KEYS,
    default: 120_000,
    min: 0,
    max: 365 * DAY_MS,
    help: "How far back a client without the history permission may resume, in ms",
  }),
  linksPerAddress: limit("max-links-per-address", {
    ...LIMITS,
    default: 1000,
    help: "Links that clients without the key may have from one address; 0 for no limit",
  }),
  linksPerUser: limit("max-links-per-user", {
    ...LIMITS,
    default: 100,
    help: "Links that one user may have; 0 for no limit",
  }),
  /** The limit of one link. */
  publishesPerSecond: limit("link-publishes", {
    ...LIMITS,
    default: 100,
    help: "Publishes per second on a link with a token; 0 for no limit",
  }),
  publishBytesPerSecond: limit("link-publish-bytes", {
    ...LIMITS,
    default: MEBIBYTE,
    help: "Published bytes per second on a link with a token; 0 for no limit",
  }),
  userPublishesPerSecond: limit("user-publishes", {
    ...LIMITS,
    default: 500,
    help: "Publishes per second of one user on this node; 0 for no limit",
  }),
  userPublishBytesPerSecond: limit("user-publish-bytes", {
    ...LIMITS,
    default: 4 * MEBIBYTE,
    help: "Published bytes per second of one user on this node; 0 for no limit",
  }),
  newTopicsPerSecond: limit("max-new-topics", {
    ...LIMITS,
    default: 100,
    help: "Topics that one user, or one address, may create per second without the key; 0 for no limit",
  }),
};

export const ACCESS_OPTIONS = {
  tokenSecret: secret("token-secret", {
    ...KEYS,
    replacedBy: ["token-secret-file"],
    help: "Secret that signs clients' tokens (HS256), at least 32 bytes",
  }),
  previousTokenSecret: secret("token-secret-previous", {
    ...KEYS,
    replacedBy: ["token-secret-file"],
    help: "A second secret that is also accepted, for changing secrets",
  }),
  tokenSecretFile: text("token-secret-file", {
    ...KEYS,
    replacedBy: ["token-secret", "token-secret-previous"],
    help: "File with the secret on its first line and, optionally, the previous secret on its second",
  }),
  tokenKeyFile: text("token-key", {
    ...KEYS,
    help: "File with the public key of tokens (RS, PS, ES or EdDSA): PEM, or a JWKS as JSON",
  }),
  jwksUrl: text(
    "token-jwks",
    {
      ...KEYS,
      help: "URL of a JWKS with the public keys of tokens; the node fetches it again when keys change",
    },
    jwksUrlOf,
  ),
  audience: text("token-audience", {
    ...KEYS,
    help: "Value that the aud claim of a token must contain",
  }),
  issuer: text("token-issuer", { ...KEYS, help: "Value that the iss claim of a token must have" }),
  leewayMs: whole("token-leeway", {
    ...KEYS,
    default: 5000,
    min: 0,
    max: DAY_MS,
    help: "Clock difference to allow for when checking tokens, in ms",
  }),
  tokenPermissions: text(
    "token-allow",
    {
      ...KEYS,
      shownDefault: "nothing",
      help: "Permissions of a token without a caps claim: <actions>:<pattern>, separated by spaces",
    },
    permissionsOf,
  ),
  anonymous: text(
    "anonymous",
    {
      ...KEYS,
      shownDefault: "nothing",
      help: "Permissions of clients without a token, for demos: subscribe:demo/*",
    },
    permissionsOf,
  ),
  ...ACCESS_LIMIT_OPTIONS,
  handshakesPerSecond: limit("max-handshakes", {
    ...LIMITS,
    default: 5000,
    help: "New links per second, from all clients together; 0 for no limit",
  }),
  origins: text("origins", {
    ...KEYS,
    default: "*",
    help: "Origins of web pages that may connect: https://app.example.com,https://*.example.com",
  }),
  apiKey: secret("api-key", {
    ...KEYS,
    help: "Key for back ends that use HTTP; prefer the variable SHARDCAST_API_KEY",
  }),
  adminKey: secret("admin-key", {
    ...KEYS,
    help: "Key for administrators, as for GET /links; prefer the variable SHARDCAST_ADMIN_KEY",
  }),
  webhookKeysFile: text("webhook-keys", {
    ...KEYS,
    help: 'File with the keys of back ends that sign their requests: [{"name":"shop","keys":["whsec_…"],"allow":"publish:orders/*"}]',
  }),
  trustedHops: whole("trusted-hops", {
    ...KEYS,
    default: 0,
    min: 0,
    max: 100,
    help: "Number of trusted proxies in front of this node that append to X-Forwarded-For",
  }),
};

function permissionsOf(grants: string, label: string): Permissions {
  try {
    return new Permissions(parseGrantText(grants));
  } catch (error) {
    throw optionInvalid(`${label}: ${error instanceof Error ? error.message : ""}`);
  }
}

function jwksUrlOf(value: string, label: string): URL {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(url?.hostname ?? "");
  if (url !== undefined && url.username + url.password !== "") {
    // fetch refuses such a URL, and logs would show the password.
    throw optionInvalid(`${label} has neither a user nor a password`);
  }
  if (url?.protocol === "https:" || (url?.protocol === "http:" && isLocal)) return url;
  throw optionInvalid(`${label} is a URL that begins with https://`);
}
