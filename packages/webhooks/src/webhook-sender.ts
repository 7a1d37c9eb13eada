// Sends webhooks: manages the sockets, restricts the targets, and makes single attempts. The caller decides when to
// retry and when to give up.
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { rootCertificates } from "node:tls";
import { ShardcastError } from "@shardcast/protocol";
import { AddressGuard } from "./address-guard.ts";
import { guardedLookup, type Resolve } from "./guarded-lookup.ts";
import type { PostResult } from "./post-result.ts";
import { WebhookAttempt, type AttemptOptions } from "./webhook-attempt.ts";
import { parseWebhookTarget, type TargetRules } from "./webhook-target.ts";

const DEFAULT_TIMEOUT_MS = 15_000;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const DEFAULT_MAX_SOCKETS = 256;
const DEFAULT_MAX_SOCKETS_PER_HOST = 8;
/** Shorter than the 5 s after which Node's servers close an idle socket. */
const IDLE_SOCKET_MS = 4000;

/** Headers that control the connection. Callers must not set them. */
const OWN_HEADERS = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export interface WebhookSenderOptions {
  /** Addresses, ranges and host names that are allowed although they are not public. @default none */
  readonly allow?: readonly string[];
  /** Whether `http:` URLs are allowed. @default false */
  readonly isHttpAllowed?: boolean;
  /** Certificates in PEM to trust in addition to Node's. @default none */
  readonly ca?: readonly string[];
  /** Maximum number of open sockets, separately for `https:` and `http:`. Further attempts wait within their timeout. @default 256 */
  readonly maxSockets?: number;
  /** The same for one host and port. @default 8 */
  readonly maxSocketsPerHost?: number;
  /** Returns all addresses of a host name. @default getaddrinfo */
  readonly resolve?: Resolve;
  /** Returns the current time, in ms since 1970, for `Retry-After` with a date. @default Date.now */
  readonly now?: () => number;
}

export interface WebhookPost {
  /** The headers of {@link signWebhook}, `content-type`, and the endpoint's own. Connection headers are refused. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Covers waiting for a socket, the lookup, the connection, the answer and its body. In ms. @default 15000 */
  readonly timeoutMs?: number;
  /** Ends the attempt with the result `retry`. */
  readonly signal?: AbortSignal;
}

export class WebhookSender {
  readonly #rules: TargetRules;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;
  readonly #now: () => number;
  readonly #attempts = new Set<WebhookAttempt>();
  #isClosed = false;

  /** @throws SHARDCAST_OPTION_INVALID if an entry of `allow` or a number of sockets is invalid */
  constructor(options: WebhookSenderOptions = {}) {
    const guard = new AddressGuard(options.allow);
    this.#rules = { guard, isHttpAllowed: options.isHttpAllowed ?? false };
    this.#now = options.now ?? Date.now;
    const agentOptions = {
      keepAlive: true,
      timeout: IDLE_SOCKET_MS,
      maxSockets: wholeNumber(
        "maxSocketsPerHost",
        options.maxSocketsPerHost ?? DEFAULT_MAX_SOCKETS_PER_HOST,
      ),
      maxTotalSockets: wholeNumber("maxSockets", options.maxSockets ?? DEFAULT_MAX_SOCKETS),
      lookup: guardedLookup(guard, options.resolve),
    };
    this.#http = new HttpAgent(agentOptions);
    this.#https = new HttpsAgent({
      ...agentOptions,
      // Overrides NODE_TLS_REJECT_UNAUTHORIZED.
      rejectUnauthorized: true,
      ...(options.ca !== undefined && { ca: [...rootCertificates, ...options.ca] }),
    });
  }

  /**
   * Makes one attempt to POST a body. Does not follow redirects. The result depends only on the status: the body of the
   * answer is read up to 64 KiB and dropped, except the beginning that a reason quotes. Never rejects because of the
   * endpoint.
   * @throws SHARDCAST_CLOSED; SHARDCAST_OPTION_INVALID if the timeout is invalid
   * Source: Standard Webhooks, "Delivery success and failure".
   */
  async post(url: string, post: WebhookPost): Promise<PostResult> {
    if (this.#isClosed) throw new ShardcastError("SHARDCAST_CLOSED", "the sender is closed");
    const timeoutMs = wholeNumber("timeoutMs", post.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    if (post.signal?.aborted === true) return { type: "retry", reason: "aborted" };
    const target = parseWebhookTarget(url, this.#rules);
    if (typeof target === "string") return { type: "blocked", reason: target };
    const own = Object.keys(post.headers).find((name) => OWN_HEADERS.has(name.toLowerCase()));
    if (own !== undefined) return { type: "blocked", reason: `the header ${own} must not be set` };
    const { headers, body, signal } = post;
    const agent = target.isTls ? this.#https : this.#http;
    return this.#run({ target, agent, headers, body, timeoutMs, now: this.#now }, signal);
  }

  /** Ends all attempts with the result `retry`, and closes all sockets. Idempotent. */
  close(): void {
    this.#isClosed = true;
    for (const attempt of this.#attempts) attempt.stop("the sender is closed");
    for (const agent of [this.#http, this.#https]) {
      // An agent opens sockets even for requests that ended while they waited for one.
      Object.assign(agent, { createConnection: refuseConnection });
      agent.destroy();
    }
  }

  async #run(options: AttemptOptions, signal: AbortSignal | undefined): Promise<PostResult> {
    const attempt = new WebhookAttempt(options);
    const signalOnAbort = (): void => attempt.stop("aborted");
    this.#attempts.add(attempt);
    signal?.addEventListener("abort", signalOnAbort, { once: true });
    try {
      return await attempt.result;
    } finally {
      signal?.removeEventListener("abort", signalOnAbort);
      this.#attempts.delete(attempt);
    }
  }
}

function refuseConnection(_options: unknown, callback: (error: Error) => void): void {
  callback(new ShardcastError("SHARDCAST_CLOSED", "the sender is closed"));
}

function wholeNumber(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0 && value <= MAX_TIMEOUT_MS) return value;
  const detail = `${name} must be a whole number from 1 to ${MAX_TIMEOUT_MS}, not ${value}`;
  throw new ShardcastError("SHARDCAST_OPTION_INVALID", detail);
}
