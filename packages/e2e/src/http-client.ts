// An HTTP client for tests: it sends paths unchanged, opens a connection for each request, and
// reads an event stream at the test's pace.
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

/** An event of a stream. Comments are not events. */
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

/**
 * The status and code of an error, as `<status> <code>`. The error must have the standard format.
 */
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

/** Sends bytes over TCP, and returns everything received until the node closes the connection. */
export async function exchange(url: string, ...parts: readonly string[]): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  // The node does not read what follows an error, so it may reset the connection.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  for (const part of parts) socket.write(part);
  if (!socket.closed) await once(socket, "close");
  return text;
}

export class EventReader {
  readonly events: StreamEvent[] = [];
  /** The events that are messages. */
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
   * Resolves with the stream's first event, which gives the start position: everything published
   * from then on arrives. Rejects with the error code if the node refuses the stream.
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

  /** The id of the last event that had one. */
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

  /** Parses events as the standard defines them: blocks of lines that end with an empty line. */
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
  // Without an agent, each request has its own connection. The path is not validated.
  const sent = request({ hostname, port, path, method: how, headers, agent: false });
  // A node may answer and close the connection before it has read the whole body.
  sent.on("error", () => undefined);
  sent.end(body);
  return sent;
}

async function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return response;
}
