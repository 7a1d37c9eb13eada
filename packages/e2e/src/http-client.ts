// HTTP as a test wants it: paths go out as they are, each request has a connection of its own, and an event
// stream is read as slowly as the test says.
import {
  request,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { eventually } from "@shardcast/faults";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

export interface HttpQuestion {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Uint8Array | string;
}

/** An event of a stream. Comments are none. */
export interface StreamEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

export interface StreamMessage {
  readonly position: string;
  readonly payload?: string;
  readonly payloadBase64?: string;
}

export async function ask(
  url: string,
  path: string,
  question: HttpQuestion = {},
): Promise<HttpAnswer> {
  const response = await answerTo(send(url, path, question));
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { statusCode = 0, headers } = response;
  return { status: statusCode, headers, text: Buffer.concat(chunks).toString("utf8") };
}

export function jsonOf({ text }: HttpAnswer): Record<string, unknown> {
  return JSON.parse(text) as Record<string, unknown>;
}

/** `<status> <code>` of an error, which has to be a problem of the kind that all are. */
export function problemOf(answer: HttpAnswer): string {
  const { code, status, title, detail, type } = jsonOf(answer);
  const kind = answer.headers["content-type"] ?? "";
  const isWhole =
    status === answer.status &&
    type === "about:blank" &&
    title !== "" &&
    typeof detail === "string";
  if (!kind.startsWith("application/problem+json") || !isWhole) {
    throw new Error(`no problem: ${kind} ${answer.text}`);
  }
  return `${answer.status} ${String(code)}`;
}

/** Bytes over TCP, and all that comes back until the node ends the connection. */
export async function exchange(url: string, ...parts: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  // What was sent behind an error is not read: the end may be a reset.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  for (const part of parts) socket.write(part);
  if (!socket.closed) await once(socket, "close");
  return text;
}

export class EventReader {
  readonly events: StreamEvent[] = [];
  /** Of the events that are messages. */
  readonly messages: StreamMessage[] = [];
  comments = 0;
  isEnded = false;
  readonly response: IncomingMessage;
  #rest = "";

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding("utf8").on("data", (text: string) => this.#take(text));
    response.on("close", () => (this.isEnded = true));
    // The close event follows.
    response.on("error", () => undefined);
  }

  /**
   * Resolves with the stream's first event, which says where it begins: what is published from then on comes.
   * Fails with the code that it is refused with.
   */
  static async open(
    url: string,
    path: string,
    headers?: OutgoingHttpHeaders,
  ): Promise<EventReader> {
    const response = await answerTo(send(url, path, headers === undefined ? {} : { headers }));
    if (response.statusCode === 200) {
      const reader = new EventReader(response);
      await eventually("the first event", () => reader.events.length > 0 || reader.isEnded);
      return reader;
    }
    let text = "";
    for await (const chunk of response) text += String(chunk);
    throw new Error((JSON.parse(text) as { code: string }).code);
  }

  /** Of the last event that had one. */
  get lastId(): string {
    return this.events.findLast(({ id }) => id !== "")?.id ?? "";
  }

  get payloads(): (string | undefined)[] {
    return this.messages.map(({ payload }) => payload);
  }

  count(messages: number): Promise<boolean> {
    return eventually(`${messages} messages`, () => this.messages.length >= messages);
  }

  async first(event: string): Promise<unknown> {
    const found = await eventually(`an event ${event}`, () =>
      this.events.find((one) => one.event === event),
    );
    return JSON.parse(found.data) as unknown;
  }

  ended(): Promise<boolean> {
    return eventually("the end", () => this.isEnded);
  }

  close(): void {
    this.response.destroy();
  }

  /** As the standard says: a block of lines up to an empty one. */
  #take(text: string): void {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const fields = new Map<string, string>();
      for (const line of block.split("\n")) {
        const colon = line.indexOf(":");
        if (colon === 0) this.comments += 1;
        else fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ""));
      }
      if (fields.size === 0) continue;
      const { id = "", event = "message", data = "" } = Object.fromEntries(fields);
      this.events.push({ id, event, data });
      if (event === "message" && data !== "") this.messages.push(JSON.parse(data) as StreamMessage);
    }
  }
}

function send(url: string, path: string, { method, headers, body }: HttpQuestion): ClientRequest {
  const { hostname, port } = new URL(url);
  const how = method ?? (body === undefined ? "GET" : "POST");
  // Without an agent each has its own connection; the path is not looked at.
  const sent = request({ hostname, port, path, method: how, headers, agent: false });
  // A node may answer, and end the connection, before it has all of the body.
  sent.on("error", () => undefined);
  sent.end(body);
  return sent;
}

async function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return response;
}
