// Answers over HTTP that their clients have not taken yet: what a process holds of them is bounded, however many
// connections ask and do not read, and so is what one user, or one address, has of that.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Shares, type ShareLimits } from "./shares.ts";
import { bytesTaken } from "./tcp-progress.ts";

/** What an answer takes beside its body: its head, and the objects of it and its request. */
const ANSWER_BYTES = 2048;
/** What a stream has on its way at the most. */
const STREAM_BYTES = 512 * 1024;
/** How often a connection that takes nothing is looked at before it is ended. */
const LOOKS = 10;

export interface UnsentAnswersOptions extends ShareLimits {
  /** How long a client may take nothing of what waits for it, in ms. */
  readonly stallMs: number;
}

/** One that has answers on their way. */
interface Connection {
  readonly socket: Socket;
  readonly answers: Set<Answer>;
  readonly closed: () => void;
  taken: number;
  stalledLooks: number;
}

interface Answer {
  readonly holders: readonly string[];
  readonly bytes: number;
}

export class UnsentAnswers {
  readonly #each: number;
  readonly #shares: Shares;
  readonly #timer: NodeJS.Timeout;
  /** The one first that has had any for the longest. */
  readonly #connections = new Map<Socket, Connection>();

  constructor({ inAll, each, stallMs }: UnsentAnswersOptions) {
    this.#each = Math.min(inAll, each);
    this.#shares = new Shares({ inAll, each });
    this.#timer = setInterval(() => this.#look(), stallMs / LOOKS).unref();
  }

  /** What is held now. */
  get bytes(): number {
    return this.#shares.taken;
  }

  /**
   * Counts an answer until it has left. Where there is no room for it, the connection ends that has had answers on
   * their way for the longest: who reads is soon done.
   * @param body as Fastify has it: a text, bytes, a stream or nothing
   * @param holders whose shares it takes
   */
  hold(
    { raw: { socket } }: { readonly raw: IncomingMessage },
    { raw: response }: { readonly raw: ServerResponse },
    body: unknown,
    holders: readonly string[],
  ): void {
    // One that is larger than a share takes all of it.
    const answer = { holders, bytes: Math.min(ANSWER_BYTES + bytesOf(body), this.#each) };
    if (socket.destroyed || !this.#makeRoom(answer, socket)) return;
    const connection = this.#connectionOf(socket);
    connection.answers.add(answer);
    response.once("close", () => this.#release(connection, answer));
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** @returns false where the connection that asks had to end itself */
  #makeRoom({ holders, bytes }: Answer, asking: Socket): boolean {
    for (;;) {
      const lack = this.#shares.take(holders, bytes);
      if (lack === undefined) return true;
      const oldest = this.#oldestOf(lack === "each" ? holders : undefined);
      if (oldest === undefined) return false;
      this.#end(oldest);
      if (oldest.socket === asking) return false;
    }
  }

  #oldestOf(holders: readonly string[] | undefined): Connection | undefined {
    for (const connection of this.#connections.values()) {
      if (holders === undefined) return connection;
      for (const answer of connection.answers) {
        if (answer.holders.some((holder) => holders.includes(holder))) return connection;
      }
    }
    return undefined;
  }

  #connectionOf(socket: Socket): Connection {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    const answers = new Set<Answer>();
    // An answer that waits behind another one is not told when its connection ends.
    const closed = (): void => this.#end(connection);
    const connection = { socket, answers, closed, taken: -1, stalledLooks: 0 };
    this.#connections.set(socket, connection);
    socket.once("close", closed);
    return connection;
  }

  #release(connection: Connection, answer: Answer): void {
    const { socket, answers, closed } = connection;
    if (!answers.delete(answer)) return;
    this.#shares.give(answer.holders, answer.bytes);
    if (answers.size > 0) return;
    this.#connections.delete(socket);
    socket.off("close", closed);
  }

  #end(connection: Connection): void {
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

/** Of an answer as Fastify has it. */
function bytesOf(body: unknown): number {
  if (typeof body === "string") return Buffer.byteLength(body);
  if (body instanceof Uint8Array) return body.byteLength;
  return body === null || body === undefined ? 0 : STREAM_BYTES;
}
