// Requests to the HTTP routes of nodes. docs/http.md
import { optionInvalid, text, type Values } from "@shardcast/options";
import { ShardcastError, isErrorCode, type Grant } from "@shardcast/protocol";
import { CLIENT_OPTIONS, CONNECTION } from "./client-options.ts";
import { reasonOf } from "./fault.ts";
import { printable } from "./printable.ts";
import { SECRET_FILE_OPTION, readTokenSecret, signToken } from "./token-secret.ts";

const TIMEOUT_MS = 5000;
/** Lifetime of a token that a command signs for its own requests. */
const TOKEN_S = 300;
const SCHEMES = new Map([
  ["http:", "http:"],
  ["https:", "https:"],
  ["ws:", "http:"],
  ["wss:", "https:"],
]);

/** Options of commands that need only the address of a node. */
export const NODE_API_OPTIONS = { url: CLIENT_OPTIONS.url };

/** @param key the option of the key that gives access without a token */
export function accessOptions(key: "api-key" | "admin-key") {
  return {
    ...NODE_API_OPTIONS,
    token: text("token", {
      ...CONNECTION,
      variable: "SHARDCAST_TOKEN",
      replacedBy: [key],
      help: "A token",
    }),
    key: text(key, {
      ...CONNECTION,
      variable: `SHARDCAST_${key.toUpperCase().replace("-", "_")}`,
      replacedBy: ["token"],
      help: "The key of the nodes' option of this name, in place of a token",
    }),
    secretFile: { ...SECRET_FILE_OPTION, ...CONNECTION },
  };
}

type AccessValues = Values<ReturnType<typeof accessOptions>>;

/**
 * Returns the token or key for requests. Without one, signs a token with the nodes' secret.
 * @throws SHARDCAST_KEY_MISSING, SHARDCAST_OPTION_INVALID
 */
export async function bearerOf(values: AccessValues, grants: readonly Grant[]): Promise<string> {
  const { key, token, secretFile } = values;
  const given = key ?? token;
  if (given !== undefined && secretFile === undefined) return given;
  const secret = readTokenSecret(secretFile);
  return signToken(secret, { user: "shardcast-cli", grants, expiresS: TOKEN_S });
}

export interface NodeDescription {
  readonly id: string;
  readonly role: string;
  readonly consumers: readonly { readonly id: string; readonly url: string }[];
}

/** Asks a node who it is, and for the addresses of all consumers. */
export async function describeNode(url: string): Promise<NodeDescription> {
  const base = httpAddress(url);
  const { node, consumers } = (await requestJson(base, "/cluster")) as {
    readonly node: { readonly id: string; readonly role: string };
    readonly consumers: NodeDescription["consumers"];
  };
  const listed = consumers.map((consumer) => ({ ...consumer, url: httpAddress(consumer.url) }));
  const plain = listed.find((consumer) => !consumer.url.startsWith("https:"));
  if (base.startsWith("https:") && plain !== undefined) {
    // A key for an address with TLS must not be sent without TLS, whatever a node answers.
    throw optionInvalid(`--url uses TLS, but the cluster lists ${plain.url} for ${plain.id}`);
  }
  return { ...node, consumers: listed };
}

interface JsonRequest {
  readonly bearer?: string;
  readonly accepted?: number;
  readonly body?: object;
}

/**
 * @param base an address from `httpAddress`
 * @param body what to POST; without it, the request is a GET
 * @param accepted a status in addition to 2xx whose answer is not an error
 * @throws SHARDCAST_LINK_LOST if the node does not answer, and the code of its answer
 */
export async function requestJson(
  base: string,
  path: string,
  { bearer, accepted, body: posted }: JsonRequest = {},
): Promise<unknown> {
  const headers = {
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    ...(posted === undefined ? {} : { "content-type": "application/json" }),
  };
  const content = posted === undefined ? {} : { method: "POST", body: JSON.stringify(posted) };
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(`${base}${path}`, { ...content, headers, signal, redirect: "error" });
    body = await response.json();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new ShardcastError("SHARDCAST_LINK_LOST", `${base}: ${reasonOf(cause)}`, { cause });
  }
  if (response.ok || response.status === accepted) return body;
  const { code, detail } = (body ?? {}) as { readonly code?: unknown; readonly detail?: unknown };
  const known = typeof code === "string" && isErrorCode(code) ? code : "SHARDCAST_REQUEST_INVALID";
  const why = typeof detail === "string" ? detail : `HTTP status ${response.status}`;
  throw new ShardcastError(known, `${base}: ${printable(why)}`);
}

/** @throws SHARDCAST_OPTION_INVALID */
export function httpAddress(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  const scheme = SCHEMES.get(url?.protocol ?? "");
  if (url !== undefined && scheme !== undefined) {
    return `${scheme}//${url.host}${url.pathname.replace(/\/+$/, "")}`;
  }
  throw optionInvalid(
    `"${address}" is not the address of a node: it must be http(s)://host:port or ws(s)://host:port`,
  );
}
