// A stand-in for the back end, for manual use and for tests: it reports its version, receives the messages of users, and
// answers each with a signed request. A test can make it answer with errors.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { WebhookKeys, verifyWebhook } from "@shardcast/webhooks";
import { signApiAuth } from "./api-auth.ts";
import { isObject, own } from "./json-object.ts";
import { webhookSecret } from "./signature.ts";

const MAX_BODY_BYTES = 1024 * 1024;
/** Number of deliveries that are recognized when they are repeated. */
const REMEMBERED_DELIVERIES = 10_000;

export interface ConciergeOptions {
  /** 0 selects a free port. */
  readonly port: number;
  /** The secret shared with the switchboard (CONCIERGE_POSTBACK_SECRET_KEY). */
  readonly secret: string;
  /** The switchboard that gets its answers. @default none: it only listens */
  readonly switchboardUrl?: string | undefined;
  readonly version?: string;
}

/** A user's message, as the switchboard delivers it. */
export interface Postback {
  readonly Body: string;
  readonly From: string;
  readonly Payload?: object;
}

export class Concierge {
  readonly url: string;
  /** All received messages in order, without repeats. */
  readonly postbacks: Postback[] = [];
  /** Whether it answers every request with 503. */
  isDown = false;
  /** Called with each message. */
  onPostback: (postback: Postback) => void = () => undefined;
  readonly #server: Server;
  readonly #options: ConciergeOptions;
  readonly #keys: WebhookKeys;
  readonly #deliveries = new Set<string>();

  private constructor(server: Server, options: ConciergeOptions) {
    this.#server = server;
    this.#options = options;
    this.#keys = new WebhookKeys([webhookSecret(options.secret)]);
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request, response) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async listen(options: ConciergeOptions): Promise<Concierge> {
    const server = createServer().listen(options.port, "127.0.0.1");
    await once(server, "listening");
    return new Concierge(server, options);
  }

  /** Sends a message to the user `to` with a signed request. Resolves with the switchboard's status. */
  async say(message: object, switchboardUrl = this.#options.switchboardUrl ?? ""): Promise<number> {
    const body = Buffer.from(JSON.stringify({ from: "POSTBACK", ...message }));
    const { secret } = this.#options;
    const headers = signApiAuth({ method: "POST", url: "/", body }, { secret }, Date.now());
    const response = await fetch(`${switchboardUrl}/`, {
      method: "POST",
      headers: { ...headers },
      body,
    });
    await response.arrayBuffer();
    return response.status;
  }

  async close(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    if (this.isDown) response.writeHead(503).end();
    else if (request.method === "GET" && request.url === "/version") {
      response.end(this.#options.version ?? "0.0.0-stand-in");
    } else if (request.method === "POST" && request.url === "/incoming/postback") {
      response.writeHead(this.#take(request, body)).end();
    } else response.writeHead(404).end();
  }

  /** @returns the status */
  #take({ headers }: IncomingMessage, body: Buffer): number {
    const verdict = verifyWebhook({ headers, body, nowMs: Date.now() }, this.#keys);
    if (verdict.type === "invalid") return 401;
    if (this.#deliveries.has(verdict.id)) return 204;
    if (this.#deliveries.size >= REMEMBERED_DELIVERIES) this.#deliveries.clear();
    this.#deliveries.add(verdict.id);
    const postback = readPostback(body);
    // A retry would send the same invalid body and hold up the user's next messages.
    if (postback === undefined) return 204;
    this.postbacks.push(postback);
    this.onPostback(postback);
    if (this.#options.switchboardUrl !== undefined) void this.#reply(postback);
    return 204;
  }

  async #reply({ Body, From }: Postback): Promise<void> {
    // The stand-in does not retry. The user can send the message again.
    await this.say({ ...replyTo(Body), to: From }).catch(() => undefined);
  }
}

/** Returns an example of each kind of message. */
function replyTo(text: string): object {
  switch (text.trim().toLowerCase()) {
    case "buttons":
      return {
        type: "button",
        body: "What is it about?",
        buttons: [
          { type: "payload", text: "A cat", payload: JSON.stringify({ pet: "cat" }) },
          { type: "url", name: "More", url: "https://example.org/" },
        ],
      };
    case "image":
      return { type: "image", media_url: "https://placecats.com/300/200" };
    case "markup":
      return { body: "<img src=x onerror=alert(1)><script>alert(2)</script>" };
    default:
      return { body: `You said: ${text}` };
  }
}

/** Returns undefined if the body is not a postback: every holder of the cluster's key can publish to the topic. */
function readPostback(body: Buffer): Postback | undefined {
  try {
    const value: unknown = JSON.parse(body.toString());
    return isPostback(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPostback(value: unknown): value is Postback {
  return (
    isObject(value) &&
    typeof own(value, "Body") === "string" &&
    typeof own(value, "From") === "string"
  );
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES) throw new Error("the body is too large");
  }
  return Buffer.concat(chunks);
}
