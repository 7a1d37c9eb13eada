// Requests of the back end, signed with any of the methods, and made invalid where a test needs it.
import { createHash, createHmac, randomUUID } from "node:crypto";
import { request } from "node:http";
import { WebhookKeys, signWebhook } from "@shardcast/webhooks";
import { signApiAuth } from "../../src/api-auth.ts";
import { webhookSecret } from "../../src/signature.ts";
import { POSTBACK_SECRET } from "./switchboard-process.ts";

export interface PostRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
  readonly path?: string;
}

export interface PostAnswer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  /** The code of the problem+json. */
  readonly code: unknown;
}

interface SignOptions {
  readonly secret?: string;
  /** ms since 1970 */
  readonly time?: number;
}

/** Signs with APIAuth-HMAC-SHA256, like the switchboard's own stand-in. */
export function apiAuthPost(message: unknown, options: SignOptions = {}): PostRequest {
  const { secret = POSTBACK_SECRET, time = Date.now() } = options;
  const body = JSON.stringify(message);
  const signed = { method: "POST", url: "/", body: Buffer.from(body) };
  return { headers: { ...signApiAuth(signed, { secret }, time) }, body };
}

/** Signs with APIAuth and Content-MD5, the form before 2023. */
export function oldApiAuthPost(message: unknown): PostRequest {
  const body = JSON.stringify(message);
  const md5 = createHash("md5").update(body).digest("base64");
  const date = new Date().toUTCString();
  const canonical = ["POST", "application/json", md5, "/", date].join(",");
  const signature = createHmac("sha1", POSTBACK_SECRET).update(canonical).digest("base64");
  const authorization = `APIAuth concierge:${signature}`;
  return {
    headers: { "content-type": "application/json", "content-md5": md5, date, authorization },
    body,
  };
}

/** Signs by Standard Webhooks. */
export function webhookPost(
  message: unknown,
  { id = randomUUID(), time = Date.now() }: { readonly id?: string; readonly time?: number } = {},
): PostRequest {
  const body = JSON.stringify(message);
  const keys = new WebhookKeys([webhookSecret(POSTBACK_SECRET)]);
  const stamp = { id, timestampS: Math.floor(time / 1000) };
  const headers = signWebhook({ ...stamp, body: Buffer.from(body) }, keys);
  return { headers: { "content-type": "application/json", ...headers }, body };
}

export function post(url: string, { headers, body, path = "/" }: PostRequest): Promise<PostAnswer> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, url), { method: "POST", headers, agent: false });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const type = response.headers["content-type"] ?? "";
        const isProblem = type.startsWith("application/problem+json");
        const code = isProblem ? (JSON.parse(text) as { code: unknown }).code : undefined;
        resolve({ status: response.statusCode ?? 0, type, text, code });
      });
    });
    sent.end(body);
  });
}
