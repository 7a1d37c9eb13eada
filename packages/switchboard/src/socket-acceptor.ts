// Turns an upgrade into a conversation: checks origin and limits, unseals or creates the session, and sends both session
// and position to the client. Also handles what concerns all sockets: heartbeats, session renewal, the drain.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import { Shares, addressGroup, clientAddress, upgradeFault } from "@shardcast/process";
import { parsePosition } from "@shardcast/protocol";
import { WebSocketServer, type WebSocket } from "ws";
import type { SwitchboardFrame } from "./client-frame.ts";
import { ClientSessions } from "./client-session.ts";
import { readConfirmed } from "./confirmed-position.ts";
import {
  CLOSE_CODES,
  UserConversation,
  FIRST_POSITION,
  type UserConversationContext,
  type UserConversationStart,
} from "./user-conversation.ts";
import { NewSessions } from "./new-sessions.ts";
import type { SessionSeal } from "./session-seal.ts";
import { FULL, TOO_MANY_SESSIONS, refuse, type UpgradeRefusal } from "./upgrade-refusal.ts";
import { createUserId, type UserId } from "./user.ts";

/** How long a client may take to answer a close, in ms. */
const CLOSE_TIMEOUT_MS = 1000;

export interface SocketOptions {
  /** The secret for sessions that clients create themselves; undefined if none are accepted. */
  readonly clientSessionSecret: string | undefined;
  /** Allowed origins; empty for all. A client without an origin is not a browser, and is always allowed. */
  readonly origins: readonly string[];
  readonly maxSockets: number;
  /** Maximum number of open sockets of one address. */
  readonly maxSocketsPerAddress: number;
  /** Maximum number of new sessions of one address per hour. */
  readonly maxSessionsPerAddress: number;
  /** Number of proxies in front of the switchboard that add to X-Forwarded-For. */
  readonly trustedHops: number;
  /** A further socket closes the oldest, which may be dead without notice. */
  readonly maxSocketsPerSession: number;
  readonly maxFrameBytes: number;
  readonly heartbeatMs: number;
}

interface Seat {
  readonly conversation: UserConversation;
  sealedAt: number;
}

type SessionFrame = Extract<SwitchboardFrame, { readonly type: "session" }>;

export class SocketAcceptor {
  readonly #seal: SessionSeal;
  readonly #clientSessions: ClientSessions | undefined;
  readonly #options: SocketOptions;
  readonly #context: UserConversationContext;
  readonly #server: WebSocketServer;
  /** In the order in which they were opened. */
  readonly #seats = new Set<Seat>();
  readonly #byUser = new Map<UserId, Set<Seat>>();
  readonly #heartbeat: NodeJS.Timeout;
  readonly #shares: Shares;
  readonly #newSessions: NewSessions;
  #isDraining = false;

  constructor(seal: SessionSeal, options: SocketOptions, context: UserConversationContext) {
    this.#seal = seal;
    this.#options = options;
    const { clientSessionSecret } = options;
    this.#clientSessions =
      clientSessionSecret === undefined ? undefined : new ClientSessions(clientSessionSecret);
    this.#context = context;
    const { maxSockets, maxSocketsPerAddress, maxSessionsPerAddress } = options;
    this.#shares = new Shares({ inAll: maxSockets, each: maxSocketsPerAddress });
    this.#newSessions = new NewSessions(maxSessionsPerAddress);
    // closeTimeout is not in the published types yet.
    const serverOptions = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: options.maxFrameBytes,
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    this.#server = new WebSocketServer(serverOptions);
    // ws cannot parse a header of the WebSocket handshake.
    this.#server.on("wsClientError", ({ message }: Error, socket: Duplex) => {
      refuse(socket, { status: 400, code: "SWITCHBOARD_REQUEST_INVALID", detail: message });
    });
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs);
  }

  /** Whether new sockets are refused because the node stops. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  get count(): number {
    return this.#seats.size;
  }

  /** For the HTTP server's "upgrade". */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Without a listener, an error of a closed client would end the process.
    socket.on("error", () => socket.destroy());
    const refusal = this.#refusalOf(request);
    if (refusal !== undefined) {
      refuse(socket, refusal);
      return;
    }
    const address = this.#addressOf(request);
    const full = this.#shares.take([address], 1);
    if (full !== undefined) {
      refuse(socket, FULL[full]);
      return;
    }
    void this.#open(request, socket, head)
      .catch((error: unknown) => {
        this.#context.logger.warn({ error }, "a client's socket could not be opened");
        const detail = "the socket could not be opened";
        refuse(socket, { status: 503, code: "SWITCHBOARD_INTERNAL", detail });
        return undefined;
      })
      .then(async (conversation) => conversation?.ended)
      .finally(() => this.#shares.give([address], 1));
  }

  /** Closes all sockets, spread over the time, so that their clients do not all reconnect at once. */
  async drain(withinMs: number): Promise<void> {
    this.#isDraining = true;
    clearInterval(this.#heartbeat);
    const seats = [...this.#seats];
    for (const { conversation } of seats) conversation.drain();
    const startedAt = performance.now();
    for (const [index, { conversation }] of seats.entries()) {
      const dueMs = startedAt + (withinMs * index) / seats.length - performance.now();
      if (dueMs > 1) await wait(dueMs);
      conversation.close(CLOSE_CODES.restart, "SWITCHBOARD_STOPPING");
    }
    const deadline = performance.now() + CLOSE_TIMEOUT_MS;
    while (this.#seats.size > 0 && performance.now() < deadline) await wait(10);
    for (const { conversation } of this.#seats) conversation.terminate();
  }

  /** Returns why the upgrade is refused regardless of the session; undefined if it is allowed. */
  #refusalOf(request: IncomingMessage): UpgradeRefusal | undefined {
    const fault = upgradeFault(request);
    if (fault !== undefined) {
      const { status, detail, headers } = fault;
      return { status, code: "SWITCHBOARD_REQUEST_INVALID", detail, headers };
    }
    const { origins } = this.#options;
    const { origin } = request.headers;
    if (origins.length > 0 && origin !== undefined && !origins.includes(origin)) {
      const detail = "pages of this origin are not allowed";
      return { status: 403, code: "SWITCHBOARD_ORIGIN_FORBIDDEN", detail };
    }
    if (this.#isDraining) {
      return { status: 503, code: "SWITCHBOARD_STOPPING", detail: "the node is stopping" };
    }
    if (this.#context.cluster.isConnected) return undefined;
    const detail = "the cluster cannot be reached";
    return { status: 503, code: "SWITCHBOARD_NOT_READY", detail };
  }

  #addressOf({ headers, socket }: IncomingMessage): string {
    const { trustedHops } = this.#options;
    return addressGroup(clientAddress(socket.remoteAddress ?? "", headers, trustedHops));
  }

  /** @returns undefined if no conversation was opened */
  async #open(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<UserConversation | undefined> {
    const begun = await this.#begin(queryOf(request), this.#addressOf(request));
    if (begun === undefined) {
      refuse(socket, TOO_MANY_SESSIONS);
      return undefined;
    }
    if (socket.destroyed) return undefined;
    let conversation: UserConversation | undefined;
    // If the upgrade fails, ws answers it and does not call the callback.
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      conversation = this.#opened(webSocket, begun.start, begun.frame);
    });
    return conversation;
  }

  /**
   * Determines the user and the start position. A client without a valid session becomes a new user.
   * @returns undefined if the address has started too many sessions
   */
  async #begin(
    query: URLSearchParams,
    address: string,
  ): Promise<{ readonly start: UserConversationStart; readonly frame: SessionFrame } | undefined> {
    const { metrics } = this.#context;
    const brought = query.get("session") ?? "";
    const sealed = brought === "" ? undefined : await this.#seal.unseal(brought);
    const userId = sealed?.userId ?? this.#clientSessions?.userOf(brought);
    if (userId !== undefined) {
      const position = await this.#positionOf(userId, query.get("position") ?? "");
      // A session that the client created is new if it has no confirmed position.
      const isProven = sealed !== undefined || position !== FIRST_POSITION;
      if (!isProven && !this.#newSessions.begin(address)) return undefined;
      metrics.countSession("resumed");
      const frame = { ...(await this.#sessionFrame(userId, position)), resumed: true };
      return { start: { userId, position }, frame };
    }
    if (!this.#newSessions.begin(address)) return undefined;
    const start = { userId: createUserId(), position: FIRST_POSITION };
    const frame = await this.#sessionFrame(start.userId, start.position);
    metrics.countSession(brought === "" ? "new" : "refused");
    if (brought === "") return { start, frame };
    return { start, frame: { ...frame, refused: "SWITCHBOARD_SESSION_INVALID" } };
  }

  /** Returns the client's own position; if it sent none, the confirmed one. */
  async #positionOf(userId: UserId, brought: string): Promise<string> {
    if (parsePosition(brought) !== undefined) return brought;
    return (await readConfirmed(this.#context.cluster, userId)) ?? FIRST_POSITION;
  }

  async #sessionFrame(userId: UserId, position: string): Promise<SessionFrame> {
    const session = await this.#seal.seal({ userId });
    return { type: "session", session, position, resumed: false };
  }

  #opened(socket: WebSocket, start: UserConversationStart, frame: SessionFrame): UserConversation {
    // ws closes a socket that violates the protocol.
    socket.on("error", (error) => this.#context.logger.debug({ error }, "a socket failed"));
    const conversation = new UserConversation(socket, start, this.#context);
    const seat = { conversation, sealedAt: performance.now() };
    this.#take(seat);
    void conversation.ended.then(() => this.#leave(seat));
    conversation.tell(frame);
    if (this.#isDraining) conversation.close(CLOSE_CODES.restart, "SWITCHBOARD_STOPPING");
    else conversation.follow();
    return conversation;
  }

  #take(seat: Seat): void {
    const { userId } = seat.conversation;
    this.#seats.add(seat);
    const seats = this.#byUser.get(userId) ?? new Set();
    this.#byUser.set(userId, seats.add(seat));
    if (seats.size <= this.#options.maxSocketsPerSession) return;
    const [oldest] = seats;
    if (oldest === undefined) return;
    // A closing socket no longer counts.
    seats.delete(oldest);
    oldest.conversation.close(CLOSE_CODES.policy, "SWITCHBOARD_SESSION_SOCKETS");
  }

  /** Removes this seat, and no other one of the same user. */
  #leave(seat: Seat): void {
    const { userId } = seat.conversation;
    this.#seats.delete(seat);
    const seats = this.#byUser.get(userId);
    seats?.delete(seat);
    if (seats?.size === 0) this.#byUser.delete(userId);
  }

  #beat(): void {
    this.#newSessions.sweep();
    const now = performance.now();
    for (const seat of this.#seats) {
      seat.conversation.beat();
      if (now - seat.sealedAt > this.#seal.lifetimeMs / 2) {
        seat.sealedAt = now;
        void this.#renew(seat.conversation);
      }
    }
  }

  /** Renews the session, so that it is still valid when a long-lived socket reconnects. */
  async #renew(conversation: UserConversation): Promise<void> {
    const frame = await this.#sessionFrame(conversation.userId, conversation.position);
    conversation.tell({ ...frame, resumed: true });
  }
}

function queryOf({ url = "" }: IncomingMessage): URLSearchParams {
  const at = url.indexOf("?");
  return new URLSearchParams(at < 0 ? "" : url.slice(at + 1));
}
