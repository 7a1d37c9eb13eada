// Bodies of requests, as bytes: what a node holds of them at once is bounded, however many requests there are.
import type { IncomingMessage } from "node:http";
import { ShardcastError } from "@shardcast/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** Bodies that are being read, and those whose publishes have no answer yet. */
const MAX_BYTES = 128 * 1024 * 1024;
/** Of these, bodies whose sender is not known before they are there: anybody may send them. */
const MAX_UNKNOWN_BYTES = 32 * 1024 * 1024;

export interface RequestBodiesOptions {
  /** Tells who sends a request before its body is there. */
  readonly isKnown: (request: FastifyRequest) => boolean;
  /** @default 128 MiB */
  readonly maxBytes?: number;
  /** @default 32 MiB */
  readonly maxUnknownBytes?: number;
}

interface Held {
  readonly isKnown: boolean;
  bytes: number;
}

export class RequestBodies {
  readonly #options: Required<RequestBodiesOptions>;
  readonly #held = new WeakMap<FastifyRequest, Held>();
  readonly #bytes = { known: 0, unknown: 0 };

  constructor(options: RequestBodiesOptions) {
    this.#options = { maxBytes: MAX_BYTES, maxUnknownBytes: MAX_UNKNOWN_BYTES, ...options };
  }

  /** What is held now. */
  get bytes(): number {
    return this.#bytes.known + this.#bytes.unknown;
  }

  /** Bodies of a context's routes are bytes from now on, whatever type they are said to have. */
  serve(http: FastifyInstance): void {
    http.removeAllContentTypeParsers();
    http.addContentTypeParser("*", (request: FastifyRequest, payload: IncomingMessage) =>
      this.#read(request, payload),
    );
    // The answer is there, or the handler is not reached any more.
    http.addHook("onSend", (request, _reply, payload, done) => {
      this.#release(request);
      done(null, payload);
    });
    http.addHook("preHandler", (request, reply, done) => {
      if (reply.raw.destroyed) this.#release(request);
      done();
    });
  }

  /** @throws SHARDCAST_PAYLOAD_TOO_LARGE, SHARDCAST_NODE_FULL, SHARDCAST_LINK_LOST, and 415 */
  async #read(request: FastifyRequest, payload: IncomingMessage): Promise<Uint8Array> {
    const limitBytes = request.routeOptions.bodyLimit;
    const coding = request.headers["content-encoding"] ?? "identity";
    if (coding.toLowerCase() !== "identity") throw new ContentCodingError(coding);
    if (Number(request.headers["content-length"]) > limitBytes) throw tooLarge(limitBytes);
    const held = { isKnown: this.#options.isKnown(request), bytes: 0 };
    this.#held.set(request, held);
    const chunks: Buffer[] = [];
    try {
      // What is not read to its end is to be answered all the same.
      for await (const chunk of payload.iterator({ destroyOnReturn: false })) {
        this.#hold(held, (chunk as Buffer).length);
        if (held.bytes > limitBytes) throw tooLarge(limitBytes);
        chunks.push(chunk as Buffer);
      }
    } catch (error) {
      this.#release(request);
      // Who is still sending hears the answer, where the rest is read.
      payload.resume();
      // Whoever has gone in the middle hears no answer.
      throw error instanceof ShardcastError ? error : new ShardcastError("SHARDCAST_LINK_LOST");
    }
    return Buffer.concat(chunks);
  }

  #hold(held: Held, bytes: number): void {
    const { maxBytes, maxUnknownBytes } = this.#options;
    held.bytes += bytes;
    this.#bytes[held.isKnown ? "known" : "unknown"] += bytes;
    if (this.#bytes.unknown <= maxUnknownBytes && this.bytes <= maxBytes) return;
    throw new ShardcastError("SHARDCAST_NODE_FULL", "too many bodies are being read");
  }

  #release(request: FastifyRequest): void {
    const held = this.#held.get(request);
    if (held === undefined) return;
    this.#held.delete(request);
    this.#bytes[held.isKnown ? "known" : "unknown"] -= held.bytes;
  }
}

function tooLarge(limitBytes: number): ShardcastError {
  return new ShardcastError("SHARDCAST_PAYLOAD_TOO_LARGE", `${limitBytes} bytes are the limit`);
}

/** RFC 9110 §15.5.16 */
class ContentCodingError extends Error {
  readonly statusCode = 415;

  constructor(coding: string) {
    super(`bodies are taken as they are, without content-encoding: ${coding.slice(0, 50)}`);
  }
}
