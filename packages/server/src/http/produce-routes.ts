// POST /produce/:topic and POST /produce: publishing over HTTP. docs/http.md#publish
import {
  ERRORS,
  PUBLISH_OVERHEAD_BYTES,
  ShardcastError,
  decodeJsonFrames,
  encodeFrame,
  topicFault,
  type Attributes,
  type PublishFrame,
} from "@shardcast/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { HttpPublisher, type PublishAnswer, type TakePublish } from "./http-publisher.ts";
import type { HttpAccess } from "./http-access.ts";
import { ANSWER_SCHEMA, PROBLEM_RESPONSES, TOPIC_PARAMS } from "./schemas.ts";

const NDJSON = "application/x-ndjson";
const MAX_LINES = 10_000;
/** Of a request with many publishes. */
const MAX_BATCH_BYTES = 16 * 1024 * 1024;

export interface ProduceRoutesOptions {
  readonly access: HttpAccess;
  readonly publish: TakePublish;
  readonly maxPayloadBytes: number;
}

interface TopicRequest {
  readonly Params: { readonly topic: string };
  readonly Querystring: { readonly timeoutMs?: number };
}

type LineAnswer =
  | ({ readonly topic: string } & PublishAnswer)
  | { readonly topic?: string; readonly code: string; readonly detail: string };

/** Adds the routes to a context of their own, in which a body is bytes, whatever its type. */
export function addProduceRoutes(http: FastifyInstance, options: ProduceRoutesOptions): void {
  const { access, publish, maxPayloadBytes } = options;
  http.removeAllContentTypeParsers();
  http.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => {
    done(null, body);
  });
  http.addHook("onRequest", access.onRequest);
  http.addHook("preHandler", access.preHandler);

  http.post<TopicRequest>("/produce/:topic", {
    bodyLimit: maxPayloadBytes,
    schema: {
      operationId: "publish",
      summary: "Stores the body as one message of a topic",
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
      const fault = topicFault(topic);
      if (fault !== undefined) throw new ShardcastError(fault);
      const messageId = headerOf(request, "idempotency-key") ?? signedId;
      const frame: PublishFrame = {
        type: "publish",
        seq: 0,
        timeoutMs: request.query.timeoutMs ?? 0,
        topic,
        ...(messageId === undefined ? {} : { messageId }),
        ...attributesOf(request),
        payload: bodyOf(request),
      };
      const publisher = new HttpPublisher(access.callerOf(request).access, publish);
      return { topic, ...(await publisher.publish(0, encodeFrame(frame))) };
    },
  });

  http.post("/produce", {
    bodyLimit: Math.max(MAX_BATCH_BYTES, maxPayloadBytes + PUBLISH_OVERHEAD_BYTES),
    schema: {
      operationId: "publishMany",
      summary: "Stores many messages, one JSON object a line, and answers each with a line",
      response: {
        200: { content: { [NDJSON]: { schema: { type: "string" } } } },
        ...PROBLEM_RESPONSES,
      },
    },
    handler: async (request, reply) => {
      const { access: linkAccess, signedId } = access.callerOf(request);
      const lines = linesOf(bodyOf(request));
      const publisher = new HttpPublisher(linkAccess, publish);
      const answers = lines.map((line, seq) => {
        const id = signedId === undefined ? undefined : `${signedId}.${seq}`;
        return publishLine(publisher, line, seq, id);
      });
      const texts = (await Promise.all(answers)).map((answer) => `${JSON.stringify(answer)}\n`);
      return reply.type(NDJSON).send(texts.join(""));
    },
  });
}

const IDEMPOTENCY = {
  type: "object",
  properties: {
    "idempotency-key": {
      type: "string",
      description: "The message id: a repeat is stored once within the dedupe window",
    },
  },
} as const;

/** The line has the fields of a publish frame in JSON; its place in the body is the frame's seq. */
async function publishLine(
  publisher: HttpPublisher,
  line: string,
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
    const detail = known.message === "" ? ERRORS[code].message : known.message;
    return { ...(topic === undefined ? {} : { topic }), code, detail };
  }
}

/** @throws SHARDCAST_REQUEST_INVALID, SHARDCAST_FRAME_MALFORMED */
function frameOf(line: string, seq: number, messageId: string | undefined): PublishFrame {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch {
    throw new ShardcastError("SHARDCAST_REQUEST_INVALID", "the line is not JSON");
  }
  if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
    throw new ShardcastError("SHARDCAST_REQUEST_INVALID", "the line is no object");
  }
  const id = messageId === undefined ? {} : { messageId };
  const [frame] = decodeJsonFrames(JSON.stringify({ ...id, ...fields, type: "publish", seq }));
  if (frame?.type !== "publish") throw new ShardcastError("SHARDCAST_REQUEST_INVALID");
  return frame;
}

function linesOf(body: Uint8Array): string[] {
  const lines = Buffer.from(body)
    .toString("utf8")
    .split("\n")
    .filter((line) => line.trim() !== "");
  if (lines.length > MAX_LINES) {
    throw new ShardcastError("SHARDCAST_REQUEST_INVALID", `there are over ${MAX_LINES} lines`);
  }
  return lines;
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
