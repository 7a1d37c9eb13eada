// One HTTP request: sends it, reads a limited part of the answer, and settles exactly once.
import {
  request as requestHttp,
  type Agent,
  type ClientRequest,
  type IncomingMessage,
} from "node:http";
import { request as requestHttps } from "node:https";
import { AddressRefused } from "./guarded-lookup.ts";
import { resultOf, type PostResult } from "./post-result.ts";
import type { WebhookTarget } from "./webhook-target.ts";

/** Maximum number of bytes read of an answer. The socket of a longer answer is destroyed. */
const ANSWER_MAX_BYTES = 64 * 1024;
/** Maximum number of bytes kept for the reason. */
const EXCERPT_MAX_BYTES = 4096;
const HEADERS_MAX_BYTES = 16 * 1024;

export interface AttemptOptions {
  readonly target: WebhookTarget;
  readonly agent: Agent;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly timeoutMs: number;
  readonly now: () => number;
}

export class WebhookAttempt {
  readonly result: Promise<PostResult>;
  readonly #options: AttemptOptions;
  readonly #timer: NodeJS.Timeout;
  #resolve: (result: PostResult) => void = () => undefined;
  #request: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  #excerpt: Uint8Array = new Uint8Array(0);
  #readBytes = 0;
  #isSettled = false;

  constructor(options: AttemptOptions) {
    this.#options = options;
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#timer = setTimeout(
      () => this.stop(`no answer within ${options.timeoutMs} ms`),
      options.timeoutMs,
    );
    try {
      this.#send();
    } catch (error) {
      this.#settle({ type: "blocked", reason: `the request cannot be sent: ${codeOf(error)}` });
    }
  }

  /** Ends the attempt. If a status was received, it is the result; otherwise the result is a retry with this reason. */
  stop(reason: string): void {
    this.#settle(this.#answered() ?? { type: "retry", reason });
  }

  #send(): void {
    const { target, agent, headers, body } = this.#options;
    const { isTls, hostname, port, path } = target;
    const request = (isTls ? requestHttps : requestHttp)({
      agent,
      hostname,
      port,
      path,
      method: "POST",
      maxHeaderSize: HEADERS_MAX_BYTES,
      headers: { ...headers, "content-length": String(body.byteLength) },
    });
    this.#request = request;
    request.on("response", (response) => this.#requestOnResponse(response));
    request.on("upgrade", (response, socket) => {
      this.#response = response;
      socket.destroy();
      this.stop("the endpoint speaks another protocol");
    });
    request.on("error", (error) => this.#requestOnError(error));
    request.on("close", () => this.stop("the connection was closed"));
    request.end(body);
  }

  #answered(): PostResult | undefined {
    if (this.#response === undefined) return undefined;
    const { statusCode = 0, headers } = this.#response;
    const secrets = Object.values(this.#options.headers);
    const nowMs = this.#options.now();
    return resultOf({ status: statusCode, headers, body: this.#excerpt, secrets, nowMs });
  }

  #settle(result: PostResult): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    // A request whose answer was read completely returns its socket. Its listeners stay, to handle later errors.
    if (this.#response?.complete !== true) this.#request?.destroy();
    this.#resolve(result);
  }

  #requestOnResponse(response: IncomingMessage): void {
    this.#response = response;
    response.on("data", (chunk: Uint8Array) => this.#responseOnData(chunk));
    response.on("end", () => this.stop("ended"));
    response.on("error", () => this.stop("broken off"));
    response.on("close", () => this.stop("closed"));
  }

  #responseOnData(chunk: Uint8Array): void {
    if (this.#readBytes < EXCERPT_MAX_BYTES) {
      this.#excerpt = Buffer.concat([this.#excerpt, chunk]).subarray(0, EXCERPT_MAX_BYTES);
    }
    this.#readBytes += chunk.byteLength;
    if (this.#readBytes > ANSWER_MAX_BYTES) this.stop("too long");
  }

  #requestOnError(error: Error): void {
    if (error instanceof AddressRefused) {
      this.#settle({ type: "blocked", reason: error.message });
    } else this.stop(`the connection failed: ${codeOf(error)}`);
  }
}

/** Returns the code, not the message, which may contain hosts or sent data. */
function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^\w{1,64}$/.test(code) ? code : "unknown";
}
