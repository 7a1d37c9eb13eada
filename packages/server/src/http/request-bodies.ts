// Reads request bodies as bytes. The bytes that a node holds at once are limited, for any number of
// requests, and so is the share of each user and each address.
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { Shares } from "@shardcast/process";
import { ShardcastError } from "@shardcast/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";

/**
 * The part of all shares that bodies of unknown senders may use: until the body was read, anyone
 * could have sent it.
 */
const UNKNOWN_PART = 1 / 2;

/** The sender of a body, as far as it is known before the body was read. */
export interface BodySender {
  readonly holders: readonly string[];
  readonly isKnown: boolean;
}

export interface RequestBodiesOptions {
  readonly senderOf: (request: FastifyRequest) => BodySender;
  /** The most bytes of bodies that are being read, or whose publishes have no answer yet. */
  readonly maxBytes: number;
  /** Of these, the most bytes for one user and for one address. */
  readonly maxBytesEach: number;
}

interface Held {
  /**
   * The holders whose share of the total is used. An unknown sender uses only a share of the
   * unknown part.
   */
  readonly holders: readonly string[];
  readonly unknownHolders: readonly string[];
  bytes: number;
  /** Whether the sender still counts as unknown. */
  isUnknown: boolean;
  /** Ends the reading. */
  readonly fail: (error: ShardcastError) => void;
}

export class RequestBodies {
  readonly #options: RequestBodiesOptions;
  readonly #held = new WeakMap<FastifyRequest, Held>();
  readonly #all: Shares;
  readonly #unknown: Shares;
  /** Unfinished bodies of unknown senders, the oldest first. */
  readonly #unfinished = new Set<Held>();

  constructor(options: RequestBodiesOptions) {
    this.#options = options;
    const { maxBytes, maxBytesEach } = options;
    this.#all = new Shares({ inAll: maxBytes, each: maxBytesEach });
    this.#unknown = new Shares({
      inAll: maxBytes * UNKNOWN_PART,
      each: maxBytesEach * UNKNOWN_PART,
    });
  }

  /** The bytes that are held now. */
  get bytes(): number {
    return this.#all.taken;
  }

  /** From now on, the routes of this context get bodies of every content type as bytes. */
  serve(http: FastifyInstance): void {
    http.removeAllContentTypeParsers();
    http.addContentTypeParser("*", (request: FastifyRequest, payload: IncomingMessage) =>
      this.#read(request, payload),
    );
    // Release the body when the response is ready, which also covers requests whose handler is
    // never called. A stream is ready when it has ended.
    http.addHook("onSend", (request, _reply, payload, done) => {
      if (payload instanceof Readable) payload.once("close", () => this.#release(request));
      else this.#release(request);
      done(null, payload);
    });
    http.addHook("preHandler", (request, reply, done) => {
      if (reply.raw.destroyed) this.#release(request);
      else this.#know(request);
      done();
    });
  }

  /**
   * @throws SHARDCAST_PAYLOAD_TOO_LARGE, SHARDCAST_NODE_FULL, SHARDCAST_LINK_LOST, and an error
   * with HTTP status 415
   */
  async #read(request: FastifyRequest, payload: IncomingMessage): Promise<Uint8Array> {
    const limitBytes = request.routeOptions.bodyLimit;
    const coding = request.headers["content-encoding"] ?? "identity";
    if (coding.toLowerCase() !== "identity") throw new ContentCodingError(coding);
    if (Number(request.headers["content-length"]) > limitBytes) throw tooLarge(limitBytes);
    try {
      return await this.#gather(request, payload, limitBytes);
    } catch (error) {
      this.#release(request);
      // Read the rest, so that a client that is still sending receives the response.
      payload.removeAllListeners("data").resume();
      throw error;
    }
  }

  #gather(
    request: FastifyRequest,
    payload: IncomingMessage,
    limitBytes: number,
  ): Promise<Uint8Array> {
    const { holders, isKnown } = this.#options.senderOf(request);
    return new Promise((resolve, fail) => {
      const [known, unknown] = isKnown ? [holders, []] : [[], holders];
      const shares = { holders: known, unknownHolders: unknown };
      const held: Held = { ...shares, bytes: 0, isUnknown: !isKnown, fail };
      this.#held.set(request, held);
      if (held.isUnknown) this.#unfinished.add(held);
      const chunks: Buffer[] = [];
      // A client that disconnected gets no response.
      const lost = (): void => fail(new ShardcastError("SHARDCAST_LINK_LOST"));
      payload.on("data", (chunk: Buffer) => {
        if (!this.#hold(held, chunk.length)) fail(full());
        else if (held.bytes > limitBytes) fail(tooLarge(limitBytes));
        else chunks.push(chunk);
      });
      if (payload.destroyed) lost();
      payload.once("error", lost).once("close", lost);
      payload.once("end", () => {
        this.#unfinished.delete(held);
        resolve(Buffer.concat(chunks));
      });
    });
  }

  /** @returns whether there is room */
  #hold(held: Held, bytes: number): boolean {
    if (held.isUnknown && !this.#holdUnknown(held, bytes)) return false;
    if (this.#all.take(held.holders, bytes) !== undefined) {
      if (held.isUnknown) this.#unknown.give(held.unknownHolders, bytes);
      return false;
    }
    held.bytes += bytes;
    return true;
  }

  /**
   * If unknown senders use too much, fails the body that has been read the longest: honest clients
   * finish soon.
   */
  #holdUnknown(held: Held, bytes: number): boolean {
    for (;;) {
      const lack = this.#unknown.take(held.unknownHolders, bytes);
      if (lack === undefined) return true;
      const oldest = this.#oldestOf(lack === "each" ? held.unknownHolders : undefined);
      if (oldest === undefined || oldest === held) return false;
      this.#free(oldest);
      oldest.fail(full());
    }
  }

  #oldestOf(holders: readonly string[] | undefined): Held | undefined {
    for (const held of this.#unfinished) {
      if (holders === undefined || held.unknownHolders.some((one) => holders.includes(one))) {
        return held;
      }
    }
    return undefined;
  }

  /** The sender is known now: its body no longer uses the share of unknown senders. */
  #know(request: FastifyRequest): void {
    const held = this.#held.get(request);
    if (held?.isUnknown !== true) return;
    held.isUnknown = false;
    this.#unknown.give(held.unknownHolders, held.bytes);
  }

  #release(request: FastifyRequest): void {
    const held = this.#held.get(request);
    if (held === undefined) return;
    this.#held.delete(request);
    this.#free(held);
  }

  #free(held: Held): void {
    const { holders, unknownHolders, bytes } = held;
    this.#unfinished.delete(held);
    held.bytes = 0;
    this.#all.give(holders, bytes);
    if (held.isUnknown) this.#unknown.give(unknownHolders, bytes);
  }
}

function full(): ShardcastError {
  return new ShardcastError("SHARDCAST_NODE_FULL", "too many bodies are being read");
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
