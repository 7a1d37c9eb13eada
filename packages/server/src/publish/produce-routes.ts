// POST /produce/:topic and POST /produce: publishing over HTTP. docs/http.md#publish
import { createHash } from "node:crypto";
import type { Readable } from "node:stream";
import {
  MESSAGE_ID_MAX_BYTES,
  PUBLISH_OVERHEAD_BYTES,
  ShardcastError,
  contentFault,
  decodeJsonFrames,
  decodeText,
  encodeFrame,
  topicFault,
  type Attributes,
  type Content,
  type PublishFrame,
} from "@shardcast/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { AwaitingPublisher, type PublishAnswer, type TakePublish } from "./awaiting-publisher.ts";
import type { NodeMetrics } from "../http/metrics.ts";
import type { HttpAccess } from "../http/http-access.ts";
import { LineBatch } from "./line-batch.ts";
import { RequestBodies } from "../http/request-bodies.ts";
import {
  ANSWER_SCHEMA,
  CLIENT_SECURITY,
  PROBLEM_RESPONSES,
  TOPIC_PARAMS,
} from "../http/schemas.ts";

const NDJSON = "application/x-ndjson";
const MAX_LINES = 10_000;
/** The largest body of a request with many publishes. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;
/** In UTF-8. Some editors and libraries begin files with it. */
const BYTE_ORDER_MARK = Uint8Array.of(0xef, 0xbb, 0xbf);
/** A space, a tab, and the CR of lines that end with CR LF. */
const BLANKS = new Set([0x20, 0x09, 0x0d]);

export interface ProduceRoutesOptions {
  readonly access: HttpAccess;
  readonly publish: TakePublish;
  readonly metrics: NodeMetrics;
  readonly maxPayloadBytes: number;
  readonly maxBodyBytes: number;
  readonly maxBodyBytesEach: number;
}

interface TopicRequest {
  readonly Params: { readonly topic: string };
  readonly Querystring: { readonly timeoutMs?: number };
}

type LineAnswer =
  | ({ readonly topic: string } & PublishAnswer)
  | { readonly topic?: string; readonly code: string; readonly detail: string };

/**
 * Adds the routes to `http`, which must be a context for them alone: its bodies are bytes of any
 * type.
 */
export function addProduceRoutes(http: FastifyInstance, options: ProduceRoutesOptions): void {
  const { access, publish, metrics, maxPayloadBytes, maxBodyBytes, maxBodyBytesEach } = options;
  http.addHook("onRequest", access.onRequest);
  http.addHook("onRequest", (request, _reply, done) => {
    const { topic } = request.params as Partial<TopicRequest["Params"]>;
    const fault = topic === undefined ? undefined : topicFault(topic);
    if (fault !== undefined) throw new ShardcastError(fault);
    access.askToPublish(request, topic);
    done();
  });
  http.addHook("preHandler", access.preHandler);
  const { senderOf } = access;
  const bodies = new RequestBodies({
    senderOf,
    maxBytes: maxBodyBytes,
    maxBytesEach: maxBodyBytesEach,
  });
  bodies.serve(http);
  metrics.gauges([
    {
      name: "request_bodies_held_bytes",
      help: "Bytes of request bodies being read or not answered yet",
      value: () => bodies.bytes,
    },
  ]);

  http.post<TopicRequest>("/produce/:topic", {
    bodyLimit: maxPayloadBytes,
    config: { rawBody: MESSAGE_BODY },
    schema: {
      operationId: "publish",
      summary: "Stores the body as one message of a topic",
      security: CLIENT_SECURITY,
      params: TOPIC_PARAMS,
      headers: IDEMPOTENCY,
      querystring: {
        type: "object",
        properties: { timeoutMs: { type: "integer", minimum: 1, maximum: 0xffff_ffff } },
      },
      response: { 200: ANSWER_SCHEMA, ...PROBLEM_RESPONSES },
    },
    handler: async (request) => {
      const { topic } = request.params;
      const { signedId } = access.callerOf(request);
      // In a signed request, the signature covers the webhook-id, but not the header
      // Idempotency-Key.
      const messageId =
        signedId === undefined ? headerOf(request, "idempotency-key") : idOf(signedId);
      const content: Content = {
        ...(messageId === undefined ? {} : { messageId }),
        ...attributesOf(request),
        payload: bodyOf(request),
      };
      const fault = contentFault(content);
      if (fault !== undefined) throw new ShardcastError(fault);
      const { timeoutMs = 0 } = request.query;
      const frame: PublishFrame = { type: "publish", seq: 0, timeoutMs, topic, ...content };
      const publisher = new AwaitingPublisher(access.callerOf(request).access, publish);
      return { topic, ...(await publisher.publish(0, encodeFrame(frame))) };
    },
  });

  http.post("/produce", {
    bodyLimit: Math.max(MAX_BATCH_BYTES, maxPayloadBytes + PUBLISH_OVERHEAD_BYTES),
    config: { rawBody: LINES_BODY },
    schema: {
      operationId: "publishMany",
      summary: "Stores many messages, one JSON object a line, and answers each with a line",
      security: CLIENT_SECURITY,
      response: {
        200: {
          description: "For each line of the request, one with its position or its error",
          content: { [NDJSON]: { schema: { type: "string" } } },
        },
        ...PROBLEM_RESPONSES,
      },
    },
    handler: async (request, reply) => {
      const { access: linkAccess, signedId } = access.callerOf(request);
      const lines = linesOf(bodyOf(request));
      const publisher = new AwaitingPublisher(linkAccess, publish);
      const batch = new LineBatch(lines, (line, seq) => {
        const id = signedId === undefined ? undefined : idOf(`${signedId}.${seq}`);
        return publishLine(publisher, line, seq, id);
      });
      const answers = (await batch.take()) ?? "";
      // The client has disconnected.
      if (request.raw.socket.destroyed) await batch.finish();
      reply.type(NDJSON);
      return batch.isOver ? reply.send(answers) : reply.send(streamTo(request, batch, answers));
    },
  });
}

/** A response that waits behind another one gets no event when its connection ends. */
function streamTo({ raw: { socket } }: FastifyRequest, batch: LineBatch, taken: string): Readable {
  const stream = batch.stream(taken);
  const ended = (): void => void stream.destroy();
  socket.once("close", ended);
  stream.once("close", () => socket.off("close", ended));
  return stream;
}

const MESSAGE_BODY = {
  content: {
    "*/*": {
      schema: {
        type: "string",
        format: "binary",
        description: "The payload; its Content-Type becomes the attribute content-type",
      },
    },
  },
};

const LINES_BODY = {
  content: {
    [NDJSON]: {
      schema: {
        type: "string",
        description: "A line is a publish frame in JSON: topic, payload or payloadBase64, and more",
        examples: [
          '{"topic":"orders/eu","payload":"one"}\n{"topic":"orders/us","payload":"two"}\n',
        ],
      },
    },
  },
};

const IDEMPOTENCY = {
  type: "object",
  properties: {
    "idempotency-key": {
      type: "string",
      description: "The message id: a repeat is stored once within the dedupe window",
    },
  },
} as const;

/**
 * Publishes a line with the fields of a publish frame in JSON. The line's index in the body is the
 * frame's seq.
 */
async function publishLine(
  publisher: AwaitingPublisher,
  line: Uint8Array,
  seq: number,
  messageId: string | undefined,
): Promise<LineAnswer> {
  let topic: string | undefined;
  try {
    const frame = frameOf(line, seq, messageId);
    ({ topic } = frame);
    return { topic, ...(await publisher.publish(seq, encodeFrame(frame))) };
  } catch (error) {
    const known =
      error instanceof ShardcastError ? error : new ShardcastError("SHARDCAST_INTERNAL");
    const isLine = known.code === "SHARDCAST_FRAME_MALFORMED";
    const code = isLine ? "SHARDCAST_REQUEST_INVALID" : known.code;
    return { ...(topic === undefined ? {} : { topic }), code, detail: known.message };
  }
}

/** @throws SHARDCAST_REQUEST_INVALID, SHARDCAST_FRAME_MALFORMED */
function frameOf(line: Uint8Array, seq: number, messageId: string | undefined): PublishFrame {
  const text = decodeText(line, 0, line.length);
  if (text === undefined) throw invalid("the line is not UTF-8");
  let fields: unknown;
  try {
    fields = JSON.parse(text);
  } catch {
    throw invalid("the line is not JSON");
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    throw invalid("the line is no object");
  }
  const id = messageId === undefined ? {} : { messageId };
  let again: string;
  try {
    again = JSON.stringify({ ...id, ...fields, type: "publish", seq });
  } catch {
    // JSON.stringify has exceeded the call stack.
    throw invalid("the line is nested too deeply");
  }
  const [frame] = decodeJsonFrames(again);
  if (frame?.type !== "publish") throw new ShardcastError("SHARDCAST_REQUEST_INVALID");
  return frame;
}

/** Returns the lines that are not blank. */
function linesOf(body: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  const hasMark = BYTE_ORDER_MARK.every((byte, index) => body[index] === byte);
  for (let start = hasMark ? BYTE_ORDER_MARK.length : 0; start < body.length;) {
    const newline = body.indexOf(NEWLINE, start);
    const end = newline === -1 ? body.length : newline;
    const line = body.subarray(start, end);
    start = end + 1;
    if (line.every((byte) => BLANKS.has(byte))) continue;
    if (lines.length === MAX_LINES) throw invalid(`there are over ${MAX_LINES} lines`);
    lines.push(line);
  }
  return lines;
}

/** Turns a signed id into a valid message id. */
function idOf(signedId: string): string {
  if (signedId.length <= MESSAGE_ID_MAX_BYTES) return signedId;
  return createHash("sha256").update(signedId).digest("base64url");
}

function attributesOf({ headers }: FastifyRequest): { readonly attributes?: Attributes } {
  const type = headers["content-type"];
  return type === undefined ? {} : { attributes: { "content-type": type } };
}

function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function bodyOf({ body }: FastifyRequest): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array(0);
}

function invalid(detail: string): ShardcastError {
  return new ShardcastError("SHARDCAST_REQUEST_INVALID", detail);
}
