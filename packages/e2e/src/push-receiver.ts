// An endpoint of push subscriptions: records requests, and answers as a test says.
import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { eventually } from "@shardcast/faults";

interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** One request. */
export interface Push {
  readonly path: string;
  readonly topic: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** A status, optionally with headers, or a function that writes the response. */
type Answer =
  number | readonly [number, Record<string, string>] | ((response: ServerResponse) => void);

export class PushReceiver {
  /** All requests, whatever the answer. */
  readonly pushes: Push[] = [];
  /** The requests that were answered with success. */
  readonly taken: Push[] = [];
  answer: (push: Push) => Answer = () => 204;
  /** The delay before each answer, in ms. */
  delayMs = 0;
  /** Concurrent requests: now, the maximum, and the maximum for one topic. */
  readonly atOnce = { all: 0, max: 0, maxOfTopic: 0 };
  readonly #topics = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  readonly #tls: Certificate | undefined;

  private constructor(tls: Certificate | undefined) {
    this.#tls = tls;
  }

  /** @param tls to serve https, as localhost */
  static async listen(tls?: Certificate): Promise<PushReceiver> {
    const receiver = new PushReceiver(tls);
    await receiver.start();
    return receiver;
  }

  get url(): string {
    const origin = this.#tls === undefined ? "http://127.0.0.1" : "https://localhost";
    return `${origin}:${this.#port}/hook`;
  }

  /** The texts accepted for each topic, in order, without repeats. */
  get byTopic(): Map<string, string[]> {
    const topics = new Map<string, string[]>();
    const seen = new Set<string>();
    for (const { topic, text, headers } of this.taken) {
      const place = `${topic} ${String(headers["shardcast-position"])}`;
      if (seen.has(place)) continue;
      seen.add(place);
      topics.set(topic, [...(topics.get(topic) ?? []), text]);
    }
    return topics;
  }

  textsOf(topic: string): string[] {
    return this.byTopic.get(topic) ?? [];
  }

  async count(pushes: number): Promise<void> {
    await eventually(`${pushes} pushes`, () => this.taken.length >= pushes);
  }

  /** Starts again on the same port. */
  async start(): Promise<void> {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { url = "", headers } = request;
        const topic = decodeURIComponent(String(headers["shardcast-topic"]));
        const body = Buffer.concat(chunks);
        this.#received({ path: url, topic, headers, body, text: body.toString("utf8") }, response);
      });
    };
    const tls = this.#tls;
    const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = once(server, "close");
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #received(push: Push, response: ServerResponse): void {
    const { topic } = push;
    this.pushes.push(push);
    const count = (this.#topics.get(topic) ?? 0) + 1;
    this.#topics.set(topic, count);
    this.atOnce.all += 1;
    this.atOnce.max = Math.max(this.atOnce.max, this.atOnce.all);
    this.atOnce.maxOfTopic = Math.max(this.atOnce.maxOfTopic, count);
    response.on("close", () => {
      this.#topics.set(topic, (this.#topics.get(topic) ?? 1) - 1);
      this.atOnce.all -= 1;
    });
    if (this.delayMs === 0) this.#respond(push, response);
    else setTimeout(() => this.#respond(push, response), this.delayMs);
  }

  #respond(push: Push, response: ServerResponse): void {
    const answer = this.answer(push);
    if (typeof answer === "function") {
      answer(response);
      return;
    }
    const [status, headers] = typeof answer === "number" ? [answer, {}] : answer;
    if (status < 300) this.taken.push(push);
    response.writeHead(status, headers).end();
  }
}
