// Limits the memory for HTTP answers that their clients have not read yet, in total and per holder (a user or an
// address).
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Shares, type ShareLimits } from "./shares.ts";
import { bytesTaken } from "./tcp-progress.ts";

/** Memory of an answer in addition to its body, in bytes: its head, and the objects of it and its request. */
const ANSWER_BYTES = 2048;
/** Maximum memory of a stream's unsent data, in bytes. */
const STREAM_BYTES = 512 * 1024;
/** Number of checks without progress after which a connection is ended. */
const LOOKS = 10;

export interface UnsentAnswersOptions extends ShareLimits {
  /** How long a client may read nothing of what waits for it, in ms. */
  readonly stallMs: number;
}

/** A connection with unsent answers. */
interface HttpConnection {
  readonly socket: Socket;
  readonly answers: Set<UnsentAnswer>;
  readonly onClose: () => void;
  taken: number;
  stalledLooks: number;
}

interface UnsentAnswer {
  readonly holders: readonly string[];
  readonly bytes: number;
}

export class UnsentAnswers {
  readonly #each: number;
  readonly #shares: Shares;
  readonly #timer: NodeJS.Timeout;
  /** Ordered by how long each connection has had unsent answers, the longest first. */
  readonly #connections = new Map<Socket, HttpConnection>();

  constructor({ inAll, each, stallMs }: UnsentAnswersOptions) {
    this.#each = Math.min(inAll, each);
    this.#shares = new Shares({ inAll, each });
    this.#timer = setInterval(() => this.#look(), stallMs / LOOKS).unref();
  }

  /** Bytes of all unsent answers. */
  get bytes(): number {
    return this.#shares.taken;
  }

  /**
   * Counts an answer until it is sent. If there is no room, ends the connection that has had unsent answers for the
   * longest time, because a client that reads is soon done.
   * @param body as Fastify has it: a text, bytes, a stream or nothing
   * @param holders the holders whose shares the answer uses
   */
  hold(
    { raw: { socket } }: { readonly raw: IncomingMessage },
    { raw: response }: { readonly raw: ServerResponse },
    body: unknown,
    holders: readonly string[],
  ): void {
    // An answer larger than a share takes the whole share.
    const answer = { holders, bytes: Math.min(ANSWER_BYTES + bytesOf(body), this.#each) };
    if (socket.destroyed || !this.#makeRoom(answer, socket)) return;
    const connection = this.#connectionOf(socket);
    connection.answers.add(answer);
    response.once("close", () => this.#release(connection, answer));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** @returns false if the requesting connection itself was ended */
  #makeRoom({ holders, bytes }: UnsentAnswer, asking: Socket): boolean {
    for (;;) {
      const lack = this.#shares.take(holders, bytes);
      if (lack === undefined) return true;
      const oldest = this.#oldestOf(lack === "each" ? holders : undefined);
      if (oldest === undefined) return false;
      this.#end(oldest);
      if (oldest.socket === asking) return false;
    }
  }

  #oldestOf(holders: readonly string[] | undefined): HttpConnection | undefined {
    for (const connection of this.#connections.values()) {
      if (holders === undefined) return connection;
      for (const answer of connection.answers) {
        if (answer.holders.some((holder) => holders.includes(holder))) return connection;
      }
    }
    return undefined;
  }

  #connectionOf(socket: Socket): HttpConnection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const answers = new Set<UnsentAnswer>();
    // An answer that waits behind another one gets no event when its connection ends.
    const onClose = (): void => this.#end(connection);
    const connection = { socket, answers, onClose, taken: -1, stalledLooks: 0 };
    this.#connections.set(socket, connection);
    socket.once("close", onClose);
    return connection;
  }

  #release(connection: HttpConnection, answer: UnsentAnswer): void {
    const { socket, answers, onClose } = connection;
    if (!answers.delete(answer)) return;
    this.#shares.give(answer.holders, answer.bytes);
    if (answers.size > 0) return;
    this.#connections.delete(socket);
    socket.off("close", onClose);
  }

  #end(connection: HttpConnection): void {
    for (const answer of connection.answers) this.#release(connection, answer);
    connection.socket.destroy();
  }

  #look(): void {
    for (const connection of this.#connections.values()) {
      const { socket } = connection;
      const taken = bytesTaken(socket);
      const isStalled = socket.writableLength > 0 && taken === connection.taken;
      connection.taken = taken;
      connection.stalledLooks = isStalled ? connection.stalledLooks + 1 : 0;
      if (connection.stalledLooks >= LOOKS) this.#end(connection);
    }
  }
}

/** Returns the size of an answer's body, in bytes. */
function bytesOf(body: unknown): number {
  if (typeof body === "string") return Buffer.byteLength(body);
  if (body instanceof Uint8Array) return body.byteLength;
  return body === null || body === undefined ? 0 : STREAM_BYTES;
}
